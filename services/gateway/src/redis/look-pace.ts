import type { Clock } from '../ports/clock.js';

/** Looks that there are to spare, and how many more come in a second. */
const LOOKS_MAX = 10;
const LOOKS_PER_SECOND = 4;

/**
 * How often something that pub/sub brings may make a gateway look into Redis (F8): ten times at once, then four times a
 * second, so that a flood of payloads does not become a flood of reads.
 */
export class LookPace {
  readonly #clock: Clock;
  #looks = LOOKS_MAX;
  #countedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedMs = clock.monotonic();
  }

  /** Takes a look if there is one to spare. @returns 0 if it did, else the milliseconds until there is one */
  take(): number {
    const nowMs = this.#clock.monotonic();
    this.#looks = Math.min(LOOKS_MAX, this.#looks + ((nowMs - this.#countedMs) / 1_000) * LOOKS_PER_SECOND);
    this.#countedMs = nowMs;
    if (this.#looks < 1) return Math.max(1, Math.ceil(((1 - this.#looks) * 1_000) / LOOKS_PER_SECOND));
    this.#looks -= 1;
    return 0;
  }
}
