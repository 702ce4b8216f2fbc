import type { DeliveryReport } from '../../delivery/delivery-report.js';
import type { ViolationKind } from '../../delivery/violations.js';
import { CASES } from './cases.js';
import type { CaseRow, Measured } from './run-case.js';

/** Which checkout a row is of. */
export type Tree = 'before' | 'now';

export interface TreeRow extends CaseRow {
  readonly tree: Tree;
}

const P99_MAX_MS = 100;
const MEMORY_MAX_MB = 400;
const LOST: readonly ViolationKind[] = ['lost', 'missed', 'never_accepted', 'never_connected'];
const DOUBLED: readonly ViolationKind[] = ['stored_twice', 'shown_twice'];
const TITLES = [
  'case',
  'tree',
  'honest p50 / p99 / longest ms',
  'pending',
  'refused / lost / doubled',
  'gateway MB',
  'api MB',
  'Redis MB',
  'cores: gateway, api, Redis, load',
  'note',
];

/**
 * What of a row is not as it must be, one sentence each: an honest p99 of 100 ms or more, pending, refused, lost or doubled
 * messages, 400 MB of gateway or API, and what the case itself has shown. While Redis is halted or emptied honest
 * messages wait, and may be pending.
 */
export function problemsOf({ name, honest, costs, wrong }: CaseRow): string[] {
  const problems = [...wrong];
  const most = (what: string, value: number, atMost: number, unit = ''): void => {
    if (value > atMost) problems.push(`${what}: ${Math.round(value)}${unit}, at most ${atMost}${unit}`);
  };
  if (honest) {
    const { refused, violations } = sumsOf(honest);
    if (!('harmsRedis' in CASES[name])) {
      most('honest p99', honest.showing.p99, P99_MAX_MS, ' ms');
      most('honest messages pending', honest.pending, 0);
    }
    most('honest messages refused', refused, 0);
    for (const [kind, count] of Object.entries(violations)) problems.push(`honest messages ${kind}: ${count}`);
    const lost = Object.entries(honest.interruptions);
    for (const [reason, count] of lost) problems.push(`honest connections lost: ${count} (${reason})`);
    if (honest.accepted === 0) problems.push('no honest message was accepted');
  }
  if (costs) {
    most('gateway memory', megabytes(costs.gateway.peakBytes), MEMORY_MAX_MB, ' MB');
    most('session-api memory', megabytes(costs['session-api'].peakBytes), MEMORY_MAX_MB, ' MB');
  }
  return problems;
}

/** A table in Markdown, with a line for each row; figures that are not as they must be are bold. */
export function casesTable(rows: readonly TreeRow[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(TITLES), line(TITLES.map(() => '---')), ...rows.map((row) => line(cellsOf(row)))].join('\n');
}

function cellsOf(row: TreeRow): string[] {
  const { name, tree, honest, costs, note, wrong } = row;
  const waits = 'harmsRedis' in CASES[name];
  const memory = (of: Measured, most = Number.POSITIVE_INFINITY): string => {
    const value = costs && megabytes(costs[of].peakBytes);
    return value === undefined ? '?' : emphasised(String(Math.round(value)), value > most);
  };
  const cores = costs
    ? (['gateway', 'session-api', 'redis', 'load'] as const).map((of) => costs[of].cores.toFixed(2)).join(', ')
    : '?';
  const lost = honest
    ? Object.entries(honest.interruptions).map(([why, count]) => `${count} honest connections lost (${why})`)
    : [];
  const notes = [note, ...[...wrong, ...lost].map((text) => `**${text}**`)].filter(Boolean);
  return [
    name,
    tree,
    honest ? latencyCell(honest, waits) : '?',
    honest ? emphasised(String(honest.pending), honest.pending > 0 && !waits) : '?',
    honest ? sumsCell(honest) : '?',
    memory('gateway', MEMORY_MAX_MB),
    memory('session-api', MEMORY_MAX_MB),
    memory('redis'),
    cores,
    notes.join('; ').replaceAll('|', '\\|').replaceAll('\n', ' '),
  ];
}

function latencyCell({ showing: { p50, p99, max } }: DeliveryReport, waits: boolean): string {
  const text = [p50, p99, max].map((ms) => (ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en'))).join(' / ');
  return emphasised(text, p99 > P99_MAX_MS && !waits);
}

function sumsCell(honest: DeliveryReport): string {
  const { refused, lost, doubled, others } = sumsOf(honest);
  const text = `${refused} / ${lost} / ${doubled}`;
  return emphasised(
    others > 0 ? `${text} (and ${others} other violations)` : text,
    refused + lost + doubled + others > 0,
  );
}

function sumsOf({ rejected, violations }: DeliveryReport) {
  const sum = (kinds: readonly ViolationKind[]): number =>
    kinds.reduce((all, kind) => all + (violations[kind] ?? 0), 0);
  const [lost, doubled] = [sum(LOST), sum(DOUBLED)];
  const all = Object.values(violations).reduce((total, count) => total + count, 0);
  return { refused: rejected, lost, doubled, others: all - lost - doubled, violations };
}

const megabytes = (bytes: number): number => bytes / 1_048_576;

function emphasised(text: string, isMissed: boolean): string {
  return isMissed ? `**${text}**` : text;
}
