import { runSeed, ViolationError } from './run-seed.js';

const from = Number(process.argv[2] ?? 1);
const n = Number(process.argv[3] ?? 1);
const trace = process.argv.includes('--trace');
const started = performance.now();
let violations = 0;
let events = 0;
let virtual = 0;
for (let seed = from; seed < from + n; seed++) {
  try {
    const r = await runSeed(seed, { trace });
    events += r.events;
    virtual += r.virtualMs;
    if (trace) console.log(r.trace.lines.join('\n'));
  } catch (error) {
    violations++;
    if (!(error instanceof ViolationError)) throw error;
    if (trace) console.log(error.trace.lines.join('\n'));
    console.log(error.message);
  }
}
const ms = performance.now() - started;
console.log(`${n} seeds, ${violations} violations, ${(ms / n).toFixed(2)} ms/seed, ${(events / n).toFixed(0)} events, ${(virtual / n / 1000).toFixed(1)} s virtual`);
