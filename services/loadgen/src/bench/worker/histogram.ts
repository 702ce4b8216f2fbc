/** Buckets per e-fold: each is two per cent wide. */
const PER_FOLD = 48;
const BUCKETS = 900;

/** Latencies in microseconds, from 1 µs to minutes, each known to two per cent. */
export class Histogram {
  readonly counts: Float64Array;

  constructor(counts: ArrayLike<number> = new Float64Array(BUCKETS)) {
    this.counts = Float64Array.from(counts);
  }

  record(us: number): void {
    const bucket = us < 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log(us) * PER_FOLD));
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
  }

  clear(): void {
    this.counts.fill(0);
  }

  add({ counts }: { readonly counts: ArrayLike<number> }): this {
    for (let at = 0; at < BUCKETS; at++) this.counts[at] = (this.counts[at] ?? 0) + (counts[at] ?? 0);
    return this;
  }

  /** @param share from 0 to 1 @returns microseconds; 0 when nothing was recorded */
  quantile(share: number): number {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    let left = total * share;
    if (total === 0) return 0;
    const bucket = this.counts.findIndex((count) => {
      left -= count;
      return count > 0 && left <= 0;
    });
    return Math.exp((bucket + 0.5) / PER_FOLD);
  }
}
