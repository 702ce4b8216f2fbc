import { Histogram } from './histogram.js';

/** What came of members that lost their connection, as processes tell each other. */
export interface ReturnsReport {
  /** Members that are back, with what they missed. */
  readonly returned: number;
  /** When the last one was; microseconds of `nowUs`. */
  readonly lastUs: number;
  /** How long they were away. */
  readonly awayUs: readonly number[];
  /** Attempts that failed, by why. */
  readonly failed: Readonly<Record<string, number>>;
}

/** Counts members of a process that come back. */
export class Returns {
  #returned = 0;
  #lastUs = 0;
  readonly #away = new Histogram();
  readonly #failed: Record<string, number> = {};

  /** A member has what it missed. Microseconds of `nowUs`. */
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
      awayUs: [...this.#away.counts],
      failed: { ...this.#failed },
    };
  }
}

/** Of several processes. */
export function sumReturns(reports: readonly ReturnsReport[]): ReturnsReport {
  const away = reports.reduce((all, { awayUs }) => all.add({ counts: awayUs }), new Histogram());
  const failed: Record<string, number> = {};
  for (const report of reports) {
    for (const [reason, count] of Object.entries(report.failed)) failed[reason] = (failed[reason] ?? 0) + count;
  }
  return {
    returned: reports.reduce((sum, { returned }) => sum + returned, 0),
    lastUs: Math.max(0, ...reports.map(({ lastUs }) => lastUs)),
    awayUs: [...away.counts],
    failed,
  };
}
