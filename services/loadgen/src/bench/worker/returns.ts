import { Histogram, type HistogramSnapshot } from '../../histogram.js';

/** How the members of one or several processes came back after they had lost their connection. */
export interface ReturnsReport {
  /** How many members are back and have what they missed. */
  readonly returned: number;
  /** When the last of them was back, in microseconds of `nowUs`. */
  readonly lastUs: number;
  /** How long they were away. */
  readonly away: HistogramSnapshot;
  /** How many attempts failed, by reason. */
  readonly failed: Readonly<Record<string, number>>;
}

/** Counts the members of a process that come back. */
export class Returns {
  #returned = 0;
  #lastUs = 0;
  readonly #away = new Histogram();
  readonly #failed: Record<string, number> = {};

  /** A member is back and has what it missed. Both times are microseconds of `nowUs`. */
  came(atUs: number, awaySinceUs: number): void {
    this.#returned += 1;
    this.#lastUs = atUs;
    this.#away.record(atUs - awaySinceUs);
  }

  failed(reason: string): void {
    this.#failed[reason] = (this.#failed[reason] ?? 0) + 1;
  }

  report(): ReturnsReport {
    return {
      returned: this.#returned,
      lastUs: this.#lastUs,
      away: this.#away.snapshot(),
      failed: { ...this.#failed },
    };
  }
}

/** Adds up the reports of several processes. */
export function sumReturns(reports: readonly ReturnsReport[]): ReturnsReport {
  const away = reports.reduce((all, report) => all.add(report.away), new Histogram());
  const failed: Record<string, number> = {};
  for (const report of reports) {
    for (const [reason, count] of Object.entries(report.failed)) failed[reason] = (failed[reason] ?? 0) + count;
  }
  return {
    returned: reports.reduce((sum, { returned }) => sum + returned, 0),
    lastUs: Math.max(0, ...reports.map(({ lastUs }) => lastUs)),
    away: away.snapshot(),
    failed,
  };
}
