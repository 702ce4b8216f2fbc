import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError } from '../command-line.js';
import { BENCH_HELP, type BenchOptions, readBenchOptions } from './bench-options.js';
import { type FiguresRun, figuresTable, show, summarizeFigures } from './figures.js';
import { summarize, table } from './report.js';
import type { RunResult } from './run-messages.js';
import { hasFigures, type Run, runWorkload } from './run-workload.js';
import type { TargetName } from './targets.js';
import { WORKLOADS, type Workload, type WorkloadName } from './workloads.js';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../../.holdfast/bench');

/** Rounds are interleaved: what a machine does besides hits every target alike. */
async function bench(options: BenchOptions): Promise<void> {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  const profileTo = join(FOLDER, `${stamp}-profiles`);
  const series = options.workloads.flatMap((workload) => {
    return targetsOf(workload, options).map((target) => ({ workload, target, rounds: [] as Run[] }));
  });
  const total = series.length * options.rounds;
  let done = 0;
  for (let round = 1; round <= options.rounds; round++) {
    for (const { workload, target, rounds } of series) {
      const { warmUpSeconds, seconds, minutes } = options;
      const run = await runWorkload(sized(WORKLOADS[workload], options), target, {
        warmUpSeconds,
        seconds,
        minutes,
        ...(options.before !== undefined && { before: options.before }),
        ...(options.profile && { profileTo }),
      });
      rounds.push(run);
      done += 1;
      console.log(`[${done}/${total}] round ${round}, ${workload}, ${target}: ${describe(run)}`);
    }
  }
  const summaries = summarize(
    series.map((one) => ({ ...one, rounds: one.rounds.filter(isOfMessages) })).filter(hasRun),
  );
  const figures = summarizeFigures(
    series.map((one) => ({ ...one, rounds: one.rounds.filter(hasFigures) })).filter(hasRun),
  );
  if (summaries.length > 0) console.log(`\n${table(summaries)}`);
  if (figures.length > 0) console.log(`\n${figuresTable(figures)}`);
  await mkdir(FOLDER, { recursive: true });
  const file = join(FOLDER, `${stamp}.json`);
  await writeFile(
    file,
    `${JSON.stringify({ machine: machine(), options, summaries, figures, series }, undefined, 2)}\n`,
  );
  console.log(`\nReport: ${file}${options.profile ? `\nCPU profiles: ${profileTo}` : ''}`);
  if ([...summaries, ...figures].some(({ violations }) => violations > 0)) process.exitCode = 1;
}

/** The workload's targets that are asked for; whatever runs `holdfast` also runs the state before, where there is one. */
function targetsOf(workload: WorkloadName, { targets, before }: BenchOptions): TargetName[] {
  const all: readonly TargetName[] = WORKLOADS[workload].targets;
  return all
    .flatMap((target) =>
      target === 'holdfast' && before !== undefined ? [target, 'holdfast-before' as const] : target,
    )
    .filter((target) => targets?.includes(target) ?? true);
}

function isOfMessages(run: Run): run is RunResult {
  return !hasFigures(run);
}

function hasRun({ rounds }: { readonly rounds: readonly unknown[] }): boolean {
  return rounds.length > 0;
}

/** Where a workload is one of so many connections, it may have fewer. */
function sized(workload: Workload, { connections }: BenchOptions): Workload {
  return workload.kind === 'messages' || connections === undefined ? workload : { ...workload, connections };
}

function describe(run: Run): string {
  const verdict =
    run.audit === undefined ? '' : `, audit of ${run.audit.messages} messages ${run.audit.violations[0] ?? 'ok'}`;
  return `${hasFigures(run) ? describeFigures(run) : describeMessages(run)}${verdict}`;
}

function describeFigures({ figures }: FiguresRun): string {
  return figures.map((figure) => `${figure.name} ${show(figure)}`).join(', ');
}

function describeMessages({ cpuUsPerDelivery, deliveriesPerSecond, latencyMs }: RunResult): string {
  const rate = Math.round(deliveriesPerSecond).toLocaleString('en');
  return `${cpuUsPerDelivery.toFixed(2)} µs per delivery, ${rate} deliveries/s, p50 ${latencyMs.p50.toFixed(2)} ms`;
}

function machine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()} ${arch()}`,
    node: process.version,
  };
}

try {
  const options = readBenchOptions(process.argv.slice(2));
  if (options) await bench(options);
  else console.log(BENCH_HELP);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isArgument = error instanceof ArgumentError;
  console.error(isArgument ? `${message}\nSee npm run bench -- --help` : `FAILED: ${message}`);
  process.exitCode = isArgument ? 2 : 1;
}
