import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopAll } from '@holdfast/testkit';
import { runCommand } from '../command-line.js';
import { BENCH_HELP, type BenchOptions, readBenchOptions } from './bench-options.js';
import {
  type FiguresRun,
  figuresTable,
  formatFigure,
  messagesTable,
  summarizeFigures,
  summarizeMessages,
} from './report.js';
import { runChurn } from './run-churn.js';
import { runIdle } from './run-idle.js';
import { type RunOptions, type RunResult, runMessages } from './run-messages.js';
import { runReconnect } from './run-reconnect.js';
import type { TargetName } from './targets.js';
import { WORKLOADS, type Workload, type WorkloadName } from './workloads.js';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../../.holdfast/bench');

/** What is measured depends on the kind of workload. */
type Run = RunResult | FiguresRun;

interface WorkloadOptions extends RunOptions {
  /** How long `churn` takes. */
  readonly minutes: number;
}

/**
 * Runs the rounds one after the other, each with every workload and target, so that other activity of the machine
 * affects all targets alike.
 *
 * @returns whether the audits found no violation
 */
async function bench(options: BenchOptions): Promise<boolean> {
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
  const summaries = summarizeMessages(
    series.map((one) => ({ ...one, rounds: one.rounds.filter(isOfMessages) })).filter(hasRun),
  );
  const figures = summarizeFigures(
    series.map((one) => ({ ...one, rounds: one.rounds.filter(hasFigures) })).filter(hasRun),
  );
  if (summaries.length > 0) console.log(`\n${messagesTable(summaries)}`);
  if (figures.length > 0) console.log(`\n${figuresTable(figures)}`);
  await mkdir(FOLDER, { recursive: true });
  const file = join(FOLDER, `${stamp}.json`);
  await writeFile(
    file,
    `${JSON.stringify({ machine: machine(), options, summaries, figures, series }, undefined, 2)}\n`,
  );
  console.log(`\nReport: ${file}${options.profile ? `\nCPU profiles: ${profileTo}` : ''}`);
  return [...summaries, ...figures].every(({ violations }) => violations === 0);
}

/** Starts a target, runs a workload against it, audits it, and ends it. */
function runWorkload(workload: Workload, target: TargetName, options: WorkloadOptions): Promise<Run> {
  switch (workload.kind) {
    case 'messages':
      return runMessages(workload, target, options);
    case 'idle':
      return runIdle(workload, target, options);
    case 'reconnect':
      return runReconnect(workload, target, options);
    case 'churn':
      return runChurn(workload, target, options);
  }
}

function hasFigures(run: Run): run is FiguresRun {
  return 'figures' in run;
}

/**
 * The workload's targets that were asked for. With `--before` a workload that has `holdfast` also runs the other
 * checkout.
 */
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

/** The workload with the number of connections that was asked for. Workloads of messages have a fixed number. */
function sized(workload: Workload, { connections }: BenchOptions): Workload {
  return workload.kind === 'messages' || connections === undefined ? workload : { ...workload, connections };
}

function describe(run: Run): string {
  const verdict =
    run.audit === undefined ? '' : `, audit of ${run.audit.messages} messages ${run.audit.violations[0] ?? 'ok'}`;
  return `${hasFigures(run) ? describeFigures(run) : describeMessages(run)}${verdict}`;
}

function describeFigures({ figures }: FiguresRun): string {
  return figures.map((figure) => `${figure.name} ${formatFigure(figure)}`).join(', ');
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

// A signal has to lead to `exit`, on which the test kit kills the servers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await runCommand({ name: 'bench', help: BENCH_HELP, read: readBenchOptions, run: bench });
await stopAll();
