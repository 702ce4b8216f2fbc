// Runs one project of vitest.config.ts and counts its results.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from '../setup/run.js';

/**
 * @typedef {object} VitestResult
 * @property {number} passed
 * @property {number} failed tests, and files that were not run
 * @property {string[]} skipped tests that left themselves out, with their file
 * @property {string} output what vitest printed, when it was `quiet`
 */

/**
 * @param {string} root the repository
 * @param {import('./test-files.js').Project} project
 * @param {readonly string[]} paths test files, from the root
 * @param {object} [options]
 * @param {boolean} [options.long] gives each test the time that twenty times the draws take
 * @param {boolean} [options.quiet] keeps the output for the result
 * @param {boolean} [options.lowPriority] leaves the processor to everything else that wants it
 * @returns {Promise<VitestResult>}
 */
export async function runVitest(root, project, paths, { long = false, quiet = false, lowPriority = false } = {}) {
  const reports = join(root, '.holdfast', 'test');
  mkdirSync(reports, { recursive: true });
  const report = join(reports, `${project}.json`);
  rmSync(report, { force: true });
  const args = [
    ...['node_modules/vitest/vitest.mjs', 'run', '--project', project],
    ...(long ? ['--testTimeout=900000', '--hookTimeout=300000'] : []),
    ...[`--reporter=${process.env.CI ? 'dot' : 'default'}`, '--reporter=json', `--outputFile.json=${report}`],
    ...paths.map((path) => join(root, path)),
  ];
  const { code, output } = await run(process.execPath, args, { cwd: root, quiet, lowPriority });
  const { passed, failed, skipped } = count(root, report, paths);
  // An error outside of any test fails the run, and no test.
  return { passed, failed: code === 0 ? failed : Math.max(1, failed), skipped, output };
}

/** A file that failed as a whole counts as one failure, and so does a file that vitest left out. */
function count(root, report, paths) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] };
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const counted = { passed: result.numPassedTests, failed: result.numFailedTests, skipped: [] };
  const notRun = new Set(paths);
  for (const file of result.testResults) {
    const path = relative(root, file.name);
    notRun.delete(path);
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      counted.failed += 1;
    }
    for (const test of file.assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') continue;
      counted.skipped.push(`${path}: ${test.fullName} (skipped by itself)`);
    }
  }
  for (const path of notRun) console.error(`${path} was not run: is it among the files of vitest.config.ts?`);
  counted.failed += notRun.size;
  return counted;
}
