// Runs one of three lanes of tests. Installs and builds whatever is missing first. The last line of the output is
// `N passed, N failed`.
//
//   npm run test:quick   the check and the unit tests, after every save: at most 60 s on two cores
//   npm test             the check and every test, before every push: at most 8 minutes on two cores
//   npm run test:long    tests that draw at random with 20 times the draws, and those in `*.long.test.ts`
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TESTED_PROGRAMS, testFiles } from './lanes/test-files.js';
import { runVitest } from './lanes/vitest-run.js';
import { ensureBuilt } from './setup/build.js';
import { ensureNodeModules, requireNode } from './setup/node-modules.js';
import { ensurePrograms } from './setup/programs.js';
import { run, SetupError } from './setup/run.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const say = (line) => console.log(line);

const isQuick = process.argv.includes('--quick');
const isLong = process.argv.includes('--long');

// With CI=true some programs print colours even into a file.
if (!process.stdout.isTTY) process.env.NO_COLOR = '1';

const total = { passed: 0, failed: 0 };
const skipped = [];
const times = [];

try {
  requireNode(root);
  await timed('installing', () => ensureNodeModules(root, say));
  if (isQuick) await runQuick();
  else await runWhole();
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  total.failed += 1;
}

if (skipped.length > 0) say(`\nSkipped:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
say(`\nTook ${Math.round(performance.now() / 1000)} s: ${times.join(', ')}`);
say(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runQuick() {
  const files = testFiles(root).filter(({ isLong }) => !isLong);
  const unit = files.filter(({ project }) => project === 'unit');
  await runCheck();
  await runProject('unit', unit);
  say(`\nLeft out: the build, the simulation and ${files.length - unit.length} files of integration tests (npm test)`);
}

async function runWhole() {
  const missing = await timed('programs', () => ensurePrograms(root, TESTED_PROGRAMS, say));
  await timed('build', () => ensureBuilt(root, say));
  const files = testFiles(root).filter((file) => !skipFor(file, missing));
  if (isLong) {
    process.env.HOLDFAST_LONG = '1';
    await runAudit();
  } else await runCheck();
  const chosen = files.filter((file) => (isLong ? file.isLong || file.drawsAtRandom : !file.isLong));
  const of = (project) => chosen.filter((file) => file.project === project);
  await runProject('unit', of('unit'));
  if (isLong) {
    // One of the long tests compares processor times, which the simulation would change.
    await runProject('simulation', of('simulation'));
    await runProject('integration', of('integration'));
    return;
  }
  // Integration tests mostly wait, and some measure time. The simulation only computes: at the lowest priority it runs
  // while the integration tests wait, and does not delay them.
  await Promise.all([
    runProject('integration', of('integration')),
    runProject('simulation', of('simulation'), { quiet: true, lowPriority: true }),
  ]);
}

/** Each step of `npm run check` counts as one test. */
async function runCheck() {
  say('\n== check');
  const { code, output } = await timed('check', () =>
    run(process.execPath, ['scripts/check.mjs'], { cwd: root, quiet: true }),
  );
  say(output.trimEnd());
  const steps = output.split('\n');
  const failed = steps.filter((line) => line.startsWith('FAILED')).length;
  total.passed += steps.filter((line) => line.startsWith('ok ')).length;
  total.failed += code === 0 ? failed : Math.max(1, failed);
}

/** Counts as one test, and as one that left itself out where the registry cannot be asked. */
async function runAudit() {
  say('\n== audit');
  const { code, output } = await timed('audit', () =>
    run(process.execPath, ['scripts/audit.mjs'], { cwd: root, quiet: true }),
  );
  say(output.trimEnd());
  if (code !== 0) total.failed += 1;
  else if (output.includes('NOT AUDITED')) skipped.push(output.trim());
  else total.passed += 1;
}

/**
 * @param {import('./lanes/test-files.js').Project} project
 * @param {import('./lanes/test-files.js').TestFile[]} files
 * @param {{ quiet?: boolean, lowPriority?: boolean }} [options]
 */
async function runProject(project, files, options = {}) {
  if (files.length === 0) return;
  const title = `\n== ${project} (${files.length} files)`;
  if (!options.quiet) say(title);
  const paths = files.map(({ path }) => path);
  const result = await timed(project, () => runVitest(root, project, paths, { ...options, long: isLong }));
  if (options.quiet) say(`${title}\n${result.output.trimEnd()}`);
  total.passed += result.passed;
  total.failed += result.failed;
  skipped.push(...result.skipped);
}

/** @returns {boolean} whether a program is missing that the file starts; says so at the end */
function skipFor(file, missing) {
  const absent = file.programs.find((program) => missing.has(program));
  if (absent === undefined) return false;
  skipped.push(`${file.path}: ${missing.get(absent)}`);
  return true;
}

/** Notes how long a part took, unless that was hardly anything. */
async function timed(name, work) {
  const started = performance.now();
  const result = await work();
  const seconds = Math.round((performance.now() - started) / 1000);
  if (seconds > 0) times.push(`${name} ${seconds} s`);
  return result;
}
