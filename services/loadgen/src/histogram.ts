/** Buckets for every factor of e: each ends about 2 % above the one before it. */
const PER_FOLD = 48;
/** Enough for durations up to an hour, which is e^22 µs. */
const BUCKETS = 22 * PER_FOLD;

/** A histogram's content, for another process. */
export interface HistogramSnapshot {
  readonly counts: readonly number[];
  readonly longestUs: number;
}

/** Quantiles of many durations, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Any number of durations in a thousand counters, from 1 µs to an hour. Quantiles are right to about 1 %; the longest
 * duration is known exactly.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #longestUs = 0;

  /** @param us microseconds */
  record(us: number): void {
    const bucket = us < 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log(us) * PER_FOLD));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    if (us > this.#longestUs) this.#longestUs = us;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#longestUs = 0;
  }

  /** Adds the content of another histogram. */
  add({ counts, longestUs }: HistogramSnapshot): this {
    for (let at = 0; at < BUCKETS; at++) this.#counts[at] = (this.#counts[at] ?? 0) + (counts[at] ?? 0);
    this.#longestUs = Math.max(this.#longestUs, longestUs);
    return this;
  }

  snapshot(): HistogramSnapshot {
    return { counts: [...this.#counts], longestUs: this.#longestUs };
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * @param share from 0 to 1, where 1 asks for the longest duration
   * @returns microseconds; 0 when nothing was recorded
   */
  quantile(share: number): number {
    if (share >= 1) return this.#longestUs;
    let left = this.count * share;
    const bucket = this.#counts.findIndex((count) => {
      left -= count;
      return count > 0 && left <= 0;
    });
    return bucket < 0 ? 0 : Math.min(this.#longestUs, Math.exp((bucket + 0.5) / PER_FOLD));
  }

  summary(): LatencySummary {
    const ms = (share: number): number => this.quantile(share) / 1_000;
    return { count: this.count, p50: ms(0.5), p95: ms(0.95), p99: ms(0.99), max: ms(1) };
  }
}
