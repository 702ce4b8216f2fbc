import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { announcedRandom } from '@holdfast/testkit';
import { corpusOf } from './corpus.js';
import { Mutator } from './mutator.js';
import type { Report } from './run-target.js';
import type { Target } from './target.js';
import { TARGETS } from './targets.js';
import type { Work } from './worker.js';

const USAGE = `npm run fuzz -- [--runs N] [--target NAME]... [--from N]

  --runs N       how many inputs are drawn for each target, beside its corpus (default 20000)
  --target NAME  only this one; may be given several times
  --from N       the number of the first input (default 0)

The seed is drawn and printed; HOLDFAST_SEED=N repeats it. Targets:
  ${TARGETS.map(({ name }) => name).join(', ')}`;

/** A reader that has read nothing new for this long hangs. Milliseconds. */
const HANG_MS = 20_000;
const LOOK_MS = 500;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20000' },
      from: { type: 'string', default: '0' },
      target: { type: 'string', multiple: true, default: TARGETS.map(({ name }) => name) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const runs = wholeNumber('--runs', values.runs);
  const from = wholeNumber('--from', values.from);
  const targets = values.target.map(targetOf);
  const { seed } = announcedRandom('fuzz', process.env, say);
  for (const target of targets) await fuzz(target, { seed, runs, from });
}

async function fuzz(target: Target, draws: { seed: number; runs: number; from: number }): Promise<void> {
  const progress = new SharedArrayBuffer(4);
  new Int32Array(progress)[0] = -1;
  const started = performance.now();
  const result = await outcomeOf({ target: target.name, progress, ...draws });
  if (typeof result === 'string') {
    process.exitCode = 1;
    return say(`${target.name}: FAILED\n${result}`);
  }
  const seconds = (performance.now() - started) / 1_000;
  const { inputs, outcomes, slowestMs } = result;
  const rate = Math.round(inputs / seconds);
  say(`${target.name}: ${inputs} inputs in ${seconds.toFixed(1)} s, ${rate}/s, slowest ${slowestMs.toFixed(1)} ms`);
  const counts = [...outcomes].toSorted(([, a], [, b]) => b - a);
  say(`  ${counts.map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`);
}

/** Runs a target in a thread of its own, which can be ended where it hangs. @returns its report, or what went wrong */
function outcomeOf(work: Work): Promise<Report | string> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: work });
  const current = new Int32Array(work.progress);
  return new Promise((resolve) => {
    let seen = -2;
    let seenAt = performance.now();
    const watch = setInterval(() => {
      const number = current[0] ?? -1;
      if (number !== seen) [seen, seenAt] = [number, performance.now()];
      else if (performance.now() - seenAt > HANG_MS) done(hang(work, number));
    }, LOOK_MS);
    const done = (result: Report | string): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(result);
    };
    worker.once('message', ({ report, failure }: { report?: Report; failure?: string }) => {
      done(report ?? failure ?? 'the thread said nothing');
    });
    worker.once('error', (error) =>
      done(`at input ${current[0]} of seed ${work.seed}: ${error.stack ?? error.message}`),
    );
  });
}

function hang({ target, seed }: Work, number: number): string {
  if (number < 0) return `an input of corpus/${target}.jsonl hangs`;
  const input = new Mutator(corpusOf(target), targetOf(target).words, seed).input(number);
  return `input ${number} of seed ${seed} hangs. As a line for corpus/${target}.jsonl:\n${JSON.stringify(input)}`;
}

/** @throws {TypeError} when there is none of this name */
function targetOf(name: string): Target {
  const target = TARGETS.find((each) => each.name === name);
  if (!target) throw new TypeError(`--target must be one of ${TARGETS.map((each) => each.name).join(', ')}`);
  return target;
}

/** @throws {TypeError} naming the option */
function wholeNumber(option: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TypeError(`${option} must be a whole number from 0 to 999999999, not "${text}"`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof TypeError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
});
