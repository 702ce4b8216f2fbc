import { median } from './median.js';
import type { RunResult } from './run-messages.js';
import type { TargetName } from './targets.js';
import { columns } from './text-table.js';
import type { WorkloadName } from './workloads.js';

/** All rounds of one workload of messages against one target. */
export interface Series {
  readonly workload: WorkloadName;
  readonly target: TargetName;
  readonly rounds: readonly RunResult[];
}

/** Medians over the rounds. */
export interface Summary {
  readonly workload: WorkloadName;
  readonly target: TargetName;
  readonly rounds: number;
  readonly cpuUsPerDelivery: number;
  readonly cpuUsOf: Readonly<Record<string, number>>;
  readonly deliveriesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU per delivery of the same workload, by the target it is compared with; medians of the rounds' ratios. */
  readonly cpuRatioTo: Readonly<Partial<Record<TargetName, number>>>;
  readonly rateRatioTo: Readonly<Partial<Record<TargetName, number>>>;
  readonly violations: number;
}

export function summarize(all: readonly Series[]): Summary[] {
  return all.map(({ workload, target, rounds }) => {
    const others = all.filter((other) => other.workload === workload && other.target !== target);
    const ratios = (of: (run: RunResult) => number): Partial<Record<TargetName, number>> =>
      Object.fromEntries(
        others.map((other) => [
          other.target,
          median(rounds.flatMap((run, round) => (other.rounds[round] ? [of(run) / of(other.rounds[round])] : []))),
        ]),
      );
    const names = Object.keys(rounds[0]?.cpuUsOf ?? {});
    return {
      workload,
      target,
      rounds: rounds.length,
      cpuUsPerDelivery: median(rounds.map((run) => run.cpuUsPerDelivery)),
      cpuUsOf: Object.fromEntries(names.map((name) => [name, median(rounds.map((run) => run.cpuUsOf[name] ?? 0))])),
      deliveriesPerSecond: median(rounds.map((run) => run.deliveriesPerSecond)),
      p50Ms: median(rounds.map((run) => run.latencyMs.p50)),
      p99Ms: median(rounds.map((run) => run.latencyMs.p99)),
      cpuRatioTo: ratios((run) => run.cpuUsPerDelivery),
      rateRatioTo: ratios((run) => run.deliveriesPerSecond),
      violations: rounds.reduce((sum, { audit }) => sum + (audit?.violations.length ?? 0), 0),
    };
  });
}

const COLUMNS = [
  'workload',
  'target',
  'µs/delivery',
  'of which',
  'vs f&f',
  'vs before',
  'deliveries/s',
  'vs raw',
  'p50 ms',
  'p99 ms',
  'audit',
];

/** The summaries as a table for a terminal. */
export function table(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) => [
    summary.workload,
    summary.target,
    summary.cpuUsPerDelivery.toFixed(2),
    Object.entries(summary.cpuUsOf)
      .map(([name, us]) => `${name} ${us.toFixed(2)}`)
      .join(', '),
    ratio(summary.cpuRatioTo['fire-and-forget']),
    ratio(summary.cpuRatioTo['holdfast-before']),
    Math.round(summary.deliveriesPerSecond).toLocaleString('en'),
    ratio(summary.rateRatioTo.raw),
    summary.p50Ms.toFixed(2),
    summary.p99Ms.toFixed(2),
    summary.violations === 0 ? 'ok' : `${summary.violations} violations`,
  ]);
  return columns(COLUMNS, rows);
}

function ratio(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}
