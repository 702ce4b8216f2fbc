// Builds the workspace when its sources have changed since the last build.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from './is-running.js';
import { run, SetupError } from './run.js';

/** @typedef {{ name: string, inputs: (root: string) => string[], output: string, command: string[] }} Part */

/** @type {(folder: string) => (root: string) => string[]} */
const packages = (folder) => (root) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, folder, entry.name, 'package.json')))
    .map((entry) => join(folder, entry.name));

/** @type {readonly Part[]} */
const PARTS = [
  {
    name: 'TypeScript',
    inputs: (root) => [
      'package-lock.json',
      'tsconfig.json',
      'tsconfig.base.json',
      ...packages('libs')(root),
      ...packages('services')(root).filter((path) => !path.endsWith('web')),
    ],
    output: 'services/local/dist/main.js',
    command: ['node_modules/@typescript/native/bin/tsc', '-b'],
  },
  {
    name: 'web page',
    inputs: () => ['package-lock.json', 'tsconfig.base.json', 'libs/protocol', 'libs/client', 'services/web'],
    output: 'services/web/dist/index.html',
    command: ['node_modules/vite/bin/vite.js', 'build', 'services/web', '--logLevel', 'warn'],
  },
];

const NOT_INPUT = new Set(['node_modules', 'dist', '.holdfast', 'test', 'coverage']);

/**
 * Builds the parts whose sources have another hash than at the last build in this folder.
 *
 * @param {string} root the repository
 * @param {(line: string) => void} say
 * @throws {SetupError} when a build fails
 */
export async function ensureBuilt(root, say) {
  const release = await lockBuilds(root);
  try {
    await buildParts(root, say);
  } finally {
    release();
  }
}

/** One build at a time: two would write the same files. */
async function lockBuilds(root) {
  const lock = join(root, '.holdfast', 'build.lock');
  mkdirSync(join(root, '.holdfast'), { recursive: true });
  while (!tryLock(lock)) await new Promise((resolve) => setTimeout(resolve, 200));
  return () => rmSync(lock, { force: true });
}

/** The lock of a process that has died counts for nothing. */
function tryLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!isRunning(Number(readFileSync(lock, 'utf8')))) rmSync(lock, { force: true });
  return false;
}

async function buildParts(root, say) {
  const stampFile = join(root, '.holdfast', 'build.json');
  const stamps = readStamps(stampFile);
  for (const part of PARTS) {
    const hash = hashOf(root, part.inputs(root));
    if (stamps[part.name] === hash && existsSync(join(root, part.output))) continue;
    say(`Building (${part.name}) ...`);
    const { code } = await run(process.execPath, part.command, { cwd: root });
    if (code !== 0) throw new SetupError(`The build failed (${part.name}); see the messages above.`);
    stamps[part.name] = hash;
    mkdirSync(join(root, '.holdfast'), { recursive: true });
    writeFileSync(stampFile, `${JSON.stringify(stamps, null, 2)}\n`);
  }
}

/** @returns {Record<string, string>} */
function readStamps(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // The file is absent or half written, so everything is built again.
    return {};
  }
}

/**
 * @param {string} root
 * @param {readonly string[]} paths files and folders
 */
function hashOf(root, paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  };
  const walk = (path) => {
    const entries = readdirSync(join(root, path), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (NOT_INPUT.has(entry.name) || /\.test\.tsx?$|\.tsbuildinfo$/.test(entry.name)) continue;
      if (entry.isDirectory()) walk(join(path, entry.name));
      else if (entry.isFile()) add(join(path, entry.name));
    }
  };
  for (const path of paths) {
    if (/\.\w+$/.test(path)) add(path);
    else walk(path);
  }
  return hash.digest('hex');
}
