// `npm test`: installs what is missing, then runs every check and every test. Its last line is `N passed, N failed`.
// `--long`: more runs of the tests that draw at random, and those too long for every day, `*.long.test.ts`.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuilt } from './setup/build.js';
import { ensureNodeModules, requireNode } from './setup/node-modules.js';
import { ensurePrograms } from './setup/programs.js';
import { run, SetupError } from './setup/run.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const long = process.argv.includes('--long');
const reports = join(root, '.holdfast', 'test');
const say = (line) => console.log(line);

/** Which programs a test file starts, by what it imports or names. */
const NEEDS = [
  [/\bstart(?:Redis|Sentinel|Cluster)\b|['"]redis-server['"]/, ['redis-server', 'redis-cli']],
  [/\bstartHaproxy\b|['"]haproxy['"]/, ['haproxy']],
  [/\bstartPrometheus\b|['"]prometheus['"]/, ['prometheus']],
  [/['"]promtool['"]/, ['promtool']],
  [/['"]amtool['"]/, ['amtool']],
  [/['"]curl /, ['curl']],
  [/['"]playwright-core['"]/, ['chromium']],
];
const PROGRAMS = [
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
];

// Colours are for people at a terminal; CI=true alone would turn them on.
if (!process.stdout.isTTY) process.env.NO_COLOR = '1';

const total = { passed: 0, failed: 0 };
const skipped = [];
const started = performance.now();

try {
  requireNode();
  await ensureNodeModules(root, say);
  const missing = await ensurePrograms(root, PROGRAMS, say);
  await ensureBuilt(root, say);
  mkdirSync(reports, { recursive: true });
  const files = testFiles().map((file) => ({ file, text: textOf(file) }));
  const runnable = files.filter(({ file, text }) => !isSkipped(file, text, missing));
  if (long) await runLong(runnable);
  else await runDaily(runnable, missing);
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  total.failed += 1;
}

if (skipped.length > 0) say(`\nSkipped:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
say(`\nTook ${Math.round((performance.now() - started) / 1000)} s`);
say(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runDaily(files) {
  await runCheck();
  const daily = files.map(({ file }) => file).filter((file) => !isLong(file));
  await runVitest(
    'unit',
    daily.filter((file) => !isIntegration(file)),
  );
  await runVitest('integration', daily.filter(isIntegration));
}

async function runLong(files) {
  process.env.HOLDFAST_LONG = '1';
  const drawing = files
    .filter(({ file, text }) => isLong(file) || /['"]fast-check['"]|\bannouncedRandom\b/.test(text))
    .map(({ file }) => file);
  await runVitest(
    'unit',
    drawing.filter((file) => !isIntegration(file)),
  );
  await runVitest('integration', drawing.filter(isIntegration));
}

/** Types, style, import rules: each step of `npm run check` counts as one. */
async function runCheck() {
  say('\n== check');
  const { code, output } = await run(process.execPath, ['scripts/check.mjs'], { cwd: root, quiet: true });
  say(output.trimEnd());
  const steps = output.split('\n');
  const failed = steps.filter((line) => line.startsWith('FAILED')).length;
  total.passed += steps.filter((line) => line.startsWith('ok ')).length;
  total.failed += code === 0 ? failed : Math.max(1, failed);
}

/** One project of vitest.config.ts on these files; each test counts as one, and so does a file that cannot be run. */
async function runVitest(project, files) {
  if (files.length === 0) return;
  say(`\n== ${project} (${files.length} files)`);
  const report = join(reports, `${project}.json`);
  rmSync(report, { force: true });
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project];
  // Twenty times the runs take twenty times as long.
  if (long) args.push('--testTimeout=900000', '--hookTimeout=300000');
  const reporters = [
    `--reporter=${process.env.CI ? 'dot' : 'default'}`,
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const { code } = await run(process.execPath, [...args, ...reporters, ...files.map((file) => join(root, file))], {
    cwd: root,
  });
  const counted = count(report);
  total.passed += counted.passed;
  // An error outside of any test fails the run alone.
  total.failed += code === 0 ? counted.failed : Math.max(1, counted.failed);
}

function count(report) {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const counted = { passed: result.numPassedTests, failed: result.numFailedTests };
  for (const file of result.testResults) {
    const name = relative(root, file.name);
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
      counted.failed += 1;
    for (const test of file.assertionResults) {
      if (test.status !== 'passed' && test.status !== 'failed')
        skipped.push(`${name}: ${test.fullName} (skipped by itself)`);
    }
  }
  return counted;
}

function isSkipped(file, text, missing) {
  for (const [pattern, programs] of NEEDS) {
    const absent = programs.find((program) => missing.has(program));
    if (absent === undefined || !pattern.test(text)) continue;
    skipped.push(`${file}: ${missing.get(absent)}`);
    return true;
  }
  return false;
}

/** A test file with the parts of it that lie in files beside it: they may start the programs, or draw the numbers. */
function textOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const parts = [...text.matchAll(/ from '(\.\.?\/[^']+)\.js'/g)].map(([, path]) => join(dirname(file), `${path}.ts`));
  const isBeside = (part) => isIntegration(part) && existsSync(join(root, part));
  return [text, ...parts.filter(isBeside).map((part) => readFileSync(join(root, part), 'utf8'))].join('\n');
}

function isLong(file) {
  return file.endsWith('.long.test.ts');
}

/** As the projects of vitest.config.ts divide them. */
function isIntegration(file) {
  return /^(?:(?:libs|services)\/[^/]+\/test|test|deploy|k8s)\//.test(file);
}

function testFiles() {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!['node_modules', 'dist', 'fixtures'].includes(entry.name)) walk(path);
      } else if (/\.test\.tsx?$/.test(entry.name)) found.push(path);
    }
  };
  for (const folder of ['libs', 'services', 'scripts', 'grafana', 'deploy', 'k8s', 'test']) {
    if (existsSync(join(root, folder))) walk(folder);
  }
  return found.sort();
}
