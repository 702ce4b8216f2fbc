// Asks the registry for known weaknesses of what is shipped (`npm audit --omit=dev`), and fails on each that
// scripts/audit-exceptions.json does not except. `npm run test:long` runs it.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge } from './lanes/audit.js';
import { run } from './setup/run.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const exceptions = JSON.parse(readFileSync(join(root, 'scripts', 'audit-exceptions.json'), 'utf8'));
const { output } = await run('npm', ['audit', '--omit=dev', '--json'], { cwd: root, quiet: true });
const { failures, notes } = judge(output, exceptions, new Date());
for (const line of [...notes, ...failures.map((failure) => `FAILED ${failure}`)]) console.log(line);
if (failures.length === 0 && notes.length === 0) console.log('ok  npm audit: nothing is known against what is shipped');
process.exitCode = failures.length === 0 ? 0 : 1;
