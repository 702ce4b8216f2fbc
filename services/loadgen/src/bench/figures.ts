import type { BenchAudit } from './audit-histories.js';
import { median } from './median.js';
import { columns } from './text-table.js';

/** One thing that a run has measured. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** What it must not exceed. */
  readonly atMost?: number;
}

/** What a run has shown that measures other things than CPU per delivery. */
export interface FiguresRun {
  readonly figures: readonly Figure[];
  readonly audit?: BenchAudit;
}

/** All rounds of such a workload against one target. */
export interface FiguresSeries {
  readonly workload: string;
  readonly target: string;
  readonly rounds: readonly FiguresRun[];
}

/** Medians over the rounds. */
export interface FiguresSummary {
  readonly workload: string;
  readonly target: string;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  readonly violations: number;
}

export function summarizeFigures(all: readonly FiguresSeries[]): FiguresSummary[] {
  return all.map(({ workload, target, rounds }) => ({
    workload,
    target,
    rounds: rounds.length,
    figures: (rounds[0]?.figures ?? []).map((figure, at) => ({
      ...figure,
      value: median(rounds.map(({ figures }) => figures[at]?.value ?? 0)),
    })),
    violations: rounds.reduce((sum, { audit }) => sum + (audit?.violations.length ?? 0), 0),
  }));
}

/** The summaries as a table for a terminal, a line a figure. */
export function figuresTable(summaries: readonly FiguresSummary[]): string {
  const rows = summaries.flatMap(({ workload, target, figures, violations }) => [
    ...figures.map((figure) => {
      const { name, unit, value, atMost } = figure;
      const wanted = atMost === undefined ? '' : `${atMost} ${unit}${value > atMost ? ' MISSED' : ''}`;
      return [workload, target, name, show(figure), wanted];
    }),
    [workload, target, 'audit', violations === 0 ? 'ok' : `${violations} violations`, ''],
  ]);
  return columns(['workload', 'target', 'figure', 'median', 'at most'], rows);
}

export function show({ value, unit }: Figure): string {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 100 ? 2 : 1;
  return `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`.trimEnd();
}
