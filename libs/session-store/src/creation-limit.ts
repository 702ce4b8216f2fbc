import type { WindowCounters } from './window-counters.js';

/** Most callers over the limit that are remembered. */
const KNOWN_MAX = 100_000;

/**
 * Limits how many sessions somebody makes in a minute (M2), because each is a key in Redis. Gateways and APIs count
 * together.
 */
export class CreationLimit {
  readonly #counters: WindowCounters;
  readonly #max: number;
  readonly #now: () => number;
  /** When those who have reached the limit may go on. Monotonic milliseconds. */
  readonly #reached = new Map<string, number>();

  /**
   * @param max sessions a minute, for each of those who are counted; 0 is no limit
   * @param now monotonic milliseconds
   */
  constructor(counters: WindowCounters, max: number, now: () => number = () => performance.now()) {
    this.#counters = counters;
    this.#max = max;
    this.#now = now;
  }

  /**
   * Counts one session, before or after it is made. Never rejects.
   *
   * @param who everybody whom it counts for: `address:…` and `sub:…`
   * @returns 0, or the milliseconds after which one of them may go on that is over the limit
   */
  async count(who: readonly string[]): Promise<number> {
    if (this.#max === 0) return 0;
    const waits = await Promise.all(
      who.map(async (each) => {
        const { count, leftMs } = await this.#counters.add('created', each);
        if (count >= this.#max) this.#remember(each, leftMs);
        return count > this.#max ? leftMs : 0;
      }),
    );
    return Math.max(0, ...waits);
  }

  /**
   * What earlier counts of this process tell, without counting or asking anybody: for a path on which few make a session,
   * and all would wait for the answer.
   *
   * @returns 0, or the milliseconds after which one of them may make a session again
   */
  waitMs(who: readonly string[]): number {
    if (this.#reached.size === 0) return 0;
    const nowMs = this.#now();
    let most = 0;
    for (const each of who) {
      const leftMs = (this.#reached.get(each) ?? nowMs) - nowMs;
      if (leftMs > 0) most = Math.max(most, leftMs);
      else this.#reached.delete(each);
    }
    return most;
  }

  #remember(who: string, leftMs: number): void {
    const nowMs = this.#now();
    if (this.#reached.size >= KNOWN_MAX) {
      for (const [each, untilMs] of this.#reached) if (untilMs <= nowMs) this.#reached.delete(each);
      if (this.#reached.size >= KNOWN_MAX) this.#reached.clear();
    }
    this.#reached.set(who, nowMs + leftMs);
  }
}
