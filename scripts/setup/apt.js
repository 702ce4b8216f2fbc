// Gets programs from Debian's or Ubuntu's package archive, with and without being root.
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.js';

const INSTALL = ['install', '-y', '--no-install-recommends'];
/** RUNLEVEL=1 keeps the daemons of the packages from starting. */
const ENVIRONMENT = { RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' };

/**
 * Installs packages; needs root.
 *
 * @param {readonly string[]} packages
 * @returns {Promise<string>} why it failed, empty when it did not
 */
export async function aptInstall(packages) {
  const env = { ...process.env, ...ENVIRONMENT };
  // When the update fails, the package lists of an earlier one may still do.
  await run('apt-get', ['update', '-qq'], { env, quiet: true });
  const { code, output } = await run('apt-get', [...INSTALL, ...packages], { env, quiet: true });
  return code === 0 ? '' : lastLines(output);
}

/**
 * Downloads packages, and the libraries they need that are not installed, and unpacks all of them. Needs no root, and
 * changes nothing outside the folder. `FOLDER/bin` gets a starter for each program.
 *
 * @param {readonly string[]} packages
 * @param {string} folder
 * @param {(name: string) => boolean} [isInstalled] packages to leave out
 * @returns {Promise<string>} why it failed, empty when it did not
 */
export async function aptUnpack(packages, folder, isInstalled) {
  const archives = join(folder, 'archives');
  const root = join(folder, 'root');
  mkdirSync(archives, { recursive: true });
  mkdirSync(root, { recursive: true });

  let failure = await download(packages, archives, [], isInstalled);
  // The machine's package lists are absent or old. Lists of our own need no root.
  if (failure !== '') failure = await download(packages, archives, await ownLists(folder), isInstalled);
  if (failure !== '') return failure;
  for (const archive of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    const unpacked = await run('dpkg-deb', ['-x', join(archives, archive), root], { quiet: true });
    if (unpacked.code !== 0) return lastLines(unpacked.output);
  }
  writeStarters(root, join(folder, 'bin'));
  return '';
}

/** @returns {Promise<string>} why it failed, empty when it did not */
async function download(packages, archives, state, isInstalled) {
  const wanted = await neededPackages(packages, state, isInstalled);
  if (typeof wanted === 'string') return wanted;
  const { code, output } = await run('apt-get', [...state, 'download', ...wanted], { cwd: archives, quiet: true });
  return code === 0 ? '' : lastLines(output);
}

/** @returns {Promise<string[]>} options that make apt use package lists in the folder */
async function ownLists(folder) {
  const [lists, cache] = [join(folder, 'lists'), join(folder, 'cache')];
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true });
  const state = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`];
  await run('apt-get', [...state, 'update', '-qq'], { quiet: true });
  return state;
}

/** @returns {Promise<string[] | string>} packages to download, or why they are not known */
async function neededPackages(packages, state, isInstalled = undefined) {
  const kinds = ['--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances'];
  const found = await run('apt-cache', [...state, 'depends', '--recurse', ...kinds, ...packages], { quiet: true });
  if (found.code !== 0) return lastLines(found.output);
  // A package's name starts a line. `<name>` is a virtual package: apt lists one that provides it as well.
  const all = found.output
    .split('\n')
    .filter((line) => /^[a-z0-9]/.test(line))
    .map((line) => line.trim());
  const installed = isInstalled ?? (await installedPackages());
  return [...new Set(all)].filter((name) => !installed(name) || packages.includes(name));
}

async function installedPackages() {
  const { output } = await run('dpkg', ['--get-selections'], { quiet: true });
  const names = new Set();
  for (const line of output.split('\n')) {
    const [name = '', state] = line.split(/\s+/);
    if (state === 'install') names.add(name.split(':')[0]);
  }
  return (name) => names.has(name.split(':')[0]);
}

/** Programs that Debian starts through a script with absolute paths in it. */
const REAL_PROGRAMS = { chromium: 'usr/lib/chromium/chromium' };

function writeStarters(root, bin) {
  mkdirSync(bin, { recursive: true });
  const libraries = ['lib', 'usr/lib'].flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder))
          .filter((name) => name.endsWith('-linux-gnu'))
          .map((name) => join(root, folder, name))
      : [],
  );
  const path = [...libraries, join(root, 'usr/lib')].join(':');
  for (const folder of ['usr/bin', 'usr/sbin']) {
    if (!existsSync(join(root, folder))) continue;
    for (const name of readdirSync(join(root, folder))) {
      const program = join(root, REAL_PROGRAMS[name] ?? join(folder, name));
      const lines = [
        '#!/bin/sh',
        `export LD_LIBRARY_PATH="${path}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
        `exec "${program}" "$@"`,
      ];
      writeFileSync(join(bin, name), `${lines.join('\n')}\n`);
      chmodSync(join(bin, name), 0o755);
    }
  }
}

function lastLines(output) {
  return output.trim().split('\n').slice(-3).join(' ');
}
