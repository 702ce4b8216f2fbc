import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { announcedRandom } from '@holdfast/testkit';
import { Fleet } from './fleet.js';
import type { Found } from './job.js';
import { SOUND } from './mutation.js';
import { MUTATIONS } from './mutations.js';
import { type RunOptions, runSeed, ViolationError } from './run-seed.js';
import { SCENARIOS } from './variety.js';

const USAGE = `npm run simulate -- [--seeds N] [--from S] [--faults F] [--scenario 1|2|3|4] [--trace] [--workers W]
                    [--mutations] [--mutation NAME]

  --seeds N        how many seeds to run (default 1000)
  --from S         the first seed (default 1); "random" draws one and prints it, and HOLDFAST_SEED=S repeats it
  --faults F       how much goes wrong in each seed, Redis' losses always among it (default: drawn, 1 to 6)
  --scenario N     what seeds draw (default: everything); kept seeds name theirs, see src/variety.ts
  --trace          print everything that happens; for few seeds
  --workers W      threads (default: one per core)
  --mutations      break each known rule on purpose, and show which seed catches it
  --mutation NAME  break this one`;

/** How many lines of a violation's trace are shown by default. */
const SHOWN_LINES = 40;
const PROGRESS_MS = 5_000;

/** Which seeds to run, and what they do not draw themselves. */
interface Range extends Draws {
  readonly from: number;
  readonly count: number;
}

type Draws = Pick<RunOptions, 'faults' | 'scenario'>;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      faults: { type: 'string' },
      scenario: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      trace: { type: 'boolean', default: false },
      mutations: { type: 'boolean', default: false },
      mutation: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(USAGE);
  const seeds = wholeNumber('--seeds', values.seeds, 1);
  const from = values.from === 'random' ? randomFirstSeed(seeds) : wholeNumber('--from', values.from, 0);
  const workers = wholeNumber('--workers', values.workers, 1);
  const faults = values.faults === undefined ? undefined : wholeNumber('--faults', values.faults, 0);
  const range: Range = { from, count: seeds, faults, scenario: knownScenario(values.scenario) };
  if (values.mutations) return showMutations(range, workers);
  if (values.trace || values.mutation !== undefined) return runHere(range, values.trace, values.mutation);
  return runAll(range, workers);
}

/** Prints the seed. The last seed of the range is at most 2^32 - 1. */
function randomFirstSeed(count: number): number {
  return Math.min(announcedRandom('first seed', process.env, say).seed, 0xffff_ffff - count);
}

/** @throws {TypeError} naming the option */
function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= 0xffff_ffff) return value;
  throw new TypeError(`${option} must be a whole number from ${least} to 4294967295, not "${text}"`);
}

/** @throws {TypeError} when there is no such scenario */
function knownScenario(text: string | undefined): RunOptions['scenario'] {
  const scenario = SCENARIOS.find((each) => String(each) === text);
  if (text !== undefined && !scenario) throw new TypeError(`--scenario must be one of ${SCENARIOS.join(', ')}`);
  return scenario;
}

async function runAll({ from, count, ...draws }: Range, workers: number): Promise<void> {
  const fleet = new Fleet(workers, draws);
  const started = performance.now();
  const found: Found[] = [];
  let done = 0;
  const secondsGone = () => (performance.now() - started) / 1000;
  const progress = setInterval(() => {
    const left = (secondsGone() / Math.max(1, done)) * (count - done);
    say(`${done} of ${count} seeds, ${found.length} violations, about ${Math.ceil(left)} s left`);
  }, PROGRESS_MS);
  await fleet.run(from, count, (result) => {
    done += result.seeds;
    for (const each of result.found) say(`seed ${each.seed} violates ${each.rule}: ${each.what}`);
    found.push(...result.found);
    return true;
  });
  clearInterval(progress);
  await fleet.close();
  const first = found.toSorted((a, b) => a.seed - b.seed)[0];
  if (first) await explain(first.seed, draws);
  say(`${((secondsGone() * 1000) / done).toFixed(1)} ms a seed on ${workers} threads`);
  finish(done, found.length);
}

/** Runs a seed again, and shows what led to its violation. */
async function explain(seed: number, draws: Draws): Promise<void> {
  try {
    await runSeed(seed, { trace: true, ...draws });
    say(`seed ${seed} does not show it again: the run depends on more than its seed`);
  } catch (error) {
    if (!(error instanceof ViolationError)) throw error;
    const options = Object.entries(draws).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name} ${value}`],
    );
    const command = ['npm run simulate -- --seeds 1', `--from ${seed}`, ...options, '--trace'].join(' ');
    say(`\nThe end of seed ${seed} (all of it: ${command})`);
    say(`${error.trace.lines.slice(-SHOWN_LINES).join('\n')}\n`);
  }
}

/** Runs the seeds one after the other in this thread. */
async function runHere({ from, count, ...draws }: Range, trace: boolean, name: string | undefined): Promise<void> {
  const mutation = name === undefined ? SOUND : MUTATIONS.find((each) => each.name === name);
  if (!mutation)
    throw new TypeError(`--mutation must be one of:\n  ${MUTATIONS.map((each) => each.name).join('\n  ')}`);
  let violations = 0;
  for (let seed = from; seed < from + count; seed++) {
    try {
      const result = await runSeed(seed, { trace, mutation, ...draws });
      if (trace) say(result.trace.lines.join('\n'));
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      violations += 1;
      if (trace) say(error.trace.lines.join('\n'));
      say(error.message);
    }
  }
  finish(count, violations);
}

async function showMutations({ from, count, ...draws }: Range, workers: number): Promise<void> {
  const fleet = new Fleet(workers, draws);
  let missed = 0;
  const names = MUTATIONS.map((mutation) => mutation.name);
  await fleet.catchAll(names, from, count, (name, found) => {
    const rule = MUTATIONS.find((mutation) => mutation.name === name)?.rule;
    if (found) say(`caught  ${rule}  ${name}: seed ${found.seed}, as a violation of ${found.rule}: ${found.what}`);
    else say(`MISSED  ${rule}  ${name}: by ${count} seeds from ${from} on`);
    missed += found ? 0 : 1;
  });
  await fleet.close();
  say(`${names.length} mutations, ${missed} missed`);
  process.exitCode = missed === 0 ? 0 : 1;
}

function finish(seeds: number, violations: number): void {
  say(`${seeds} seeds, ${violations} violations`);
  process.exitCode = violations === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof TypeError ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = 1;
});
