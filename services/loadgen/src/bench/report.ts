import type { BenchAudit } from './audit-histories.js';
import type { RunResult } from './run-messages.js';
import type { TargetName } from './targets.js';
import type { WorkloadName } from './workloads.js';

/** All rounds of one workload against one target. */
export interface Series<Run> {
  readonly workload: WorkloadName;
  readonly target: TargetName;
  readonly rounds: readonly Run[];
}

/** A measured value. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** The greatest value that is acceptable. */
  readonly atMost?: number;
}

/** The result of a workload that measures something else than CPU per delivery. */
export interface FiguresRun {
  readonly figures: readonly Figure[];
  readonly audit?: BenchAudit;
}

/** Medians over the rounds of a workload with figures. */
export interface FiguresSummary {
  readonly workload: WorkloadName;
  readonly target: TargetName;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  readonly violations: number;
}

/** Medians over the rounds of a workload of messages. */
export interface MessagesSummary {
  readonly workload: WorkloadName;
  readonly target: TargetName;
  readonly rounds: number;
  readonly cpuUsPerDelivery: number;
  /** CPU per delivery of each process, by its name. */
  readonly cpuUsOf: Readonly<Record<string, number>>;
  readonly deliveriesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU per delivery divided by that of another target with the same workload: the median of the rounds' ratios. */
  readonly cpuRatioTo: Readonly<Partial<Record<TargetName, number>>>;
  /** The same of deliveries a second. */
  readonly rateRatioTo: Readonly<Partial<Record<TargetName, number>>>;
  readonly violations: number;
}

export function summarizeFigures(all: readonly Series<FiguresRun>[]): FiguresSummary[] {
  return all.map(({ workload, target, rounds }) => ({
    workload,
    target,
    rounds: rounds.length,
    figures: (rounds[0]?.figures ?? []).map((figure, at) => ({
      ...figure,
      value: median(rounds.map(({ figures }) => figures[at]?.value ?? 0)),
    })),
    violations: countViolations(rounds),
  }));
}

export function summarizeMessages(all: readonly Series<RunResult>[]): MessagesSummary[] {
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
      violations: countViolations(rounds),
    };
  });
}

function countViolations(rounds: readonly { readonly audit?: BenchAudit }[]): number {
  return rounds.reduce((sum, { audit }) => sum + (audit?.violations.length ?? 0), 0);
}

/** A table for a terminal, with a line for each figure. */
export function figuresTable(summaries: readonly FiguresSummary[]): string {
  const rows = summaries.flatMap(({ workload, target, figures, violations }) => [
    ...figures.map((figure) => {
      const { name, unit, value, atMost } = figure;
      const wanted = atMost === undefined ? '' : `${atMost} ${unit}${value > atMost ? ' MISSED' : ''}`;
      return [workload, target, name, formatFigure(figure), wanted];
    }),
    [workload, target, 'audit', formatViolations(violations), ''],
  ]);
  return table(['workload', 'target', 'figure', 'median', 'at most'], rows);
}

const MESSAGES_COLUMNS = [
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

/** A table for a terminal, with a line for each target. */
export function messagesTable(summaries: readonly MessagesSummary[]): string {
  const rows = summaries.map((summary) => [
    summary.workload,
    summary.target,
    summary.cpuUsPerDelivery.toFixed(2),
    Object.entries(summary.cpuUsOf)
      .map(([name, us]) => `${name} ${us.toFixed(2)}`)
      .join(', '),
    formatRatio(summary.cpuRatioTo['fire-and-forget']),
    formatRatio(summary.cpuRatioTo['holdfast-before']),
    Math.round(summary.deliveriesPerSecond).toLocaleString('en'),
    formatRatio(summary.rateRatioTo.raw),
    summary.p50Ms.toFixed(2),
    summary.p99Ms.toFixed(2),
    formatViolations(summary.violations),
  ]);
  return table(MESSAGES_COLUMNS, rows);
}

export function formatFigure({ value, unit }: Figure): string {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 100 ? 2 : 1;
  return `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`.trimEnd();
}

function formatRatio(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}

function formatViolations(count: number): string {
  return count === 0 ? 'ok' : `${count} violations`;
}

/** Rows under titles; each column is as wide as its widest cell. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (row: readonly string[]) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ');
  return [titles, ...rows].map((row) => line(row).trimEnd()).join('\n');
}

/** The value in the middle, or the mean of the two in the middle; 0 if there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
    : (sorted[Math.floor(middle)] ?? 0);
}
