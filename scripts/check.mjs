/**
 * `npm run check`: types, style and import rules of the whole repository. Prints one line for each step, and fails when
 * a step fails.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const cruised = ['libs', 'services', 'test', 'grafana', 'deploy', 'k8s', 'scripts', 'examples'].filter((folder) =>
  existsSync(join(root, folder)),
);

const steps = [
  ['types', 'tsc', ['-p', 'tsconfig.check.json', '--pretty', 'false']],
  ['types of the web UI', 'tsc', ['-p', 'services/web', '--pretty', 'false']],
  ['style', 'biome', ['ci', '--colors=off', '.']],
  ['imports', 'depcruise', ['--config', '.dependency-cruiser.cjs', ...cruised]],
];

/** @returns {Promise<boolean>} whether it passed */
function run([name, command, args]) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules/.bin', command), args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => {
      output += error.message;
    });
    child.once('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}  (${seconds} s)`);
      if (code !== 0) console.log(`${output.trim()}\n`);
      resolve(code === 0);
    });
  });
}

// Two steps at a time, since a small machine has two cores.
const waiting = [...steps];
let passed = true;
async function work() {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) passed = (await run(step)) && passed;
}
await Promise.all([work(), work()]);
process.exitCode = passed ? 0 : 1;
