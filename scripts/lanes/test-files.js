// Which test files there are, which vitest project each belongs to, and which programs each starts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @typedef {import('../setup/programs.js').ProgramName} ProgramName */
/** @typedef {'unit' | 'simulation' | 'integration'} Project */

/**
 * @typedef {object} TestFile
 * @property {string} path from the root
 * @property {Project} project
 * @property {boolean} isLong whether `npm run test:long` alone runs the file
 * @property {boolean} drawsAtRandom whether `npm run test:long` runs the file again, with more draws
 * @property {readonly ProgramName[]} programs
 */

/** Hidden folders have none either. */
const NO_TESTS_IN = new Set(['node_modules', 'dist', 'fixtures']);

/** A test needs these programs when its text, or that of a part beside it, matches. */
const NEEDS = /** @type {const} */ ([
  [/\bstart(?:Redis|Sentinel|Cluster)\b|['"]redis-server['"]/, ['redis-server', 'redis-cli']],
  [/\bstartHaproxy\b|['"]haproxy['"]/, ['haproxy']],
  [/\bstartPrometheus\b|['"]prometheus['"]/, ['prometheus']],
  [/['"]promtool['"]/, ['promtool']],
  [/['"]amtool['"]/, ['amtool']],
  [/['"]curl /, ['curl']],
  [/['"]playwright-core['"]/, ['chromium']],
  [/['"]python3['"]/, ['python3']],
]);
const DRAWS_AT_RANDOM = /['"]fast-check['"]|\bannouncedRandom\b/;

/** Every program that some test starts. */
export const TESTED_PROGRAMS = /** @type {const} */ ([
  'redis-server',
  'redis-cli',
  'redis-sentinel',
  'haproxy',
  'prometheus',
  'promtool',
  'amtool',
  'chromium',
  'curl',
  'tini',
  'python3',
]);

/**
 * @param {string} root the repository
 * @returns {TestFile[]} sorted by path
 */
export function testFiles(root) {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!entry.name.startsWith('.') && !NO_TESTS_IN.has(entry.name)) walk(path);
      } else if (/\.test\.tsx?$/.test(entry.name)) found.push(path);
    }
  };
  walk('');
  return found.sort().map((path) => describe(root, path));
}

/** @returns {TestFile} */
function describe(root, path) {
  const text = textOf(root, path);
  return {
    path,
    project: projectOf(path),
    isLong: path.endsWith('.long.test.ts'),
    drawsAtRandom: DRAWS_AT_RANDOM.test(text),
    programs: NEEDS.filter(([pattern]) => pattern.test(text)).flatMap(([, programs]) => programs),
  };
}

/** The text of a test file and of the files beside it that it imports: those may start programs or draw numbers. */
function textOf(root, path) {
  const text = readFileSync(join(root, path), 'utf8');
  const imported = [...text.matchAll(/ from '(\.\.?\/[^']+)\.js'/g)].map(([, part]) =>
    join(dirname(path), `${part}.ts`),
  );
  const isBeside = (part) => projectOf(part) !== 'unit' && existsSync(join(root, part));
  return [text, ...imported.filter(isBeside).map((part) => readFileSync(join(root, part), 'utf8'))].join('\n');
}

/** Divides files as vitest.config.ts does. @returns {Project} */
function projectOf(path) {
  if (path.startsWith('services/simulation/test/')) return 'simulation';
  const isIntegration = /^(?:(?:libs|services)\/[^/]+\/test|test|deploy|k8s|examples)\//.test(path);
  return isIntegration ? 'integration' : 'unit';
}
