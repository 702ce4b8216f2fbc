import type { Finding } from './audit.js';

/** A finding as the report shows it. */
export interface TallyLine extends Finding {
  readonly repaired: boolean;
}

/** What an audit has found so far. Plain data, because it is part of job data and of the report. */
export interface Tally {
  /** Number of keys of any kind that SCAN showed. */
  readonly keys: number;
  readonly looked: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, FaultCount>>;
  /** The first {@link TALLY_LINES_MAX} findings. */
  readonly lines: readonly TallyLine[];
}

export interface FaultCount {
  readonly found: number;
  readonly repaired: number;
}

/**
 * Most findings that are kept one by one; further ones are only counted. The limit bounds job data and report when
 * every session has a fault.
 */
export const TALLY_LINES_MAX = 500;

export function emptyTally(faults: readonly string[]): Tally {
  const counts = Object.fromEntries(faults.map((fault) => [fault, { found: 0, repaired: 0 }]));
  return { keys: 0, looked: {}, faults: counts, lines: [] };
}

/** Counts keys that were checked. @param looked those that the audit is about, by kind */
export function countKeys(tally: Tally, keys: number, looked: Readonly<Record<string, number>>): Tally {
  return { ...tally, keys: tally.keys + keys, looked: sum(tally.looked, looked, (a = 0, b = 0) => a + b) };
}

/** Adds findings. A finding that is in the tally already is not counted again. */
export function addLines(tally: Tally, added: readonly TallyLine[]): Tally {
  const known = new Set(tally.lines.map(nameOf));
  const lines = [...tally.lines];
  const faults: Record<string, FaultCount> = { ...tally.faults };
  for (const line of added) {
    if (known.has(nameOf(line))) continue;
    known.add(nameOf(line));
    const { found, repaired } = faults[line.fault] ?? { found: 0, repaired: 0 };
    faults[line.fault] = { found: found + 1, repaired: repaired + (line.repaired ? 1 : 0) };
    if (lines.length < TALLY_LINES_MAX) lines.push(line);
  }
  return { ...tally, faults, lines };
}

/** The tally of a whole round from those of its parts. */
export function mergeTallies(faults: readonly string[], tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (whole, part) => ({
      keys: whole.keys + part.keys,
      looked: sum(whole.looked, part.looked, (a = 0, b = 0) => a + b),
      faults: sum(whole.faults, part.faults, (a, b) => ({
        found: (a?.found ?? 0) + (b?.found ?? 0),
        repaired: (a?.repaired ?? 0) + (b?.repaired ?? 0),
      })),
      lines: [...whole.lines, ...part.lines].slice(0, TALLY_LINES_MAX),
    }),
    emptyTally(faults),
  );
}

/** Findings of all kinds. */
export function totalOf(tally: Tally): FaultCount {
  const counts = Object.values(tally.faults);
  return {
    found: counts.reduce((total, { found }) => total + found, 0),
    repaired: counts.reduce((total, { repaired }) => total + repaired, 0),
  };
}

function nameOf(finding: Finding): string {
  return `${finding.fault} ${finding.sessionId}`;
}

function sum<T>(
  left: Readonly<Record<string, T>>,
  right: Readonly<Record<string, T>>,
  add: (a: T | undefined, b: T | undefined) => T,
): Record<string, T> {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return Object.fromEntries([...names].map((name) => [name, add(left[name], right[name])]));
}
