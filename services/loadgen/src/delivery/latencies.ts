/** Each bucket ends this much above the one before it: percentiles are right to about 5 %. */
const RATIO = 1.05;
const LOG_RATIO = Math.log(RATIO);
/** Upper end of the first bucket, milliseconds. */
const FINEST_MS = 0.1;

/** How long something took, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** A histogram of durations: any number of them in a few hundred counters. */
export class Latencies {
  readonly #buckets: number[] = [];
  #count = 0;
  #max = 0;

  add(ms: number): void {
    const bucket = ms <= FINEST_MS ? 0 : Math.ceil(Math.log(ms / FINEST_MS) / LOG_RATIO);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#max = Math.max(this.#max, ms);
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      p50: this.#percentile(0.5),
      p95: this.#percentile(0.95),
      p99: this.#percentile(0.99),
      max: this.#max,
    };
  }

  #percentile(share: number): number {
    let below = 0;
    for (const [bucket, count = 0] of this.#buckets.entries()) {
      below += count;
      if (count > 0 && below >= share * this.#count) return Math.min(this.#max, FINEST_MS * RATIO ** bucket);
    }
    return 0;
  }
}
