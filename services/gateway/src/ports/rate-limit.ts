/**
 * A token bucket: a steady rate with room for bursts. All times are monotonic milliseconds, and never earlier than the
 * call before.
 */
export class RateLimit {
  #tokens: number;
  #updatedMs: number;

  /**
   * @param perSecond tokens that are added each second; 0 is no limit
   * @param burst most tokens that are saved up; the bucket starts full
   */
  constructor(
    readonly perSecond: number,
    readonly burst: number,
    nowMs: number,
  ) {
    this.#tokens = burst;
    this.#updatedMs = nowMs;
  }

  /** @returns 0 when a token was taken, else the milliseconds until the next one is there */
  take(nowMs: number): number {
    if (this.perSecond === 0) return 0;
    this.#tokens = Math.min(this.burst, this.#tokens + ((nowMs - this.#updatedMs) * this.perSecond) / 1000);
    this.#updatedMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / this.perSecond);
  }
}
