import type { Clock } from './clock.js';

/** Something that has messages to append. */
export interface Appending {
  /** Sends them. Never throws. */
  due(): void;
}

/**
 * Sends the appends of all sessions together: at the end of the turn when there were none for a millisecond, so that
 * a single message waits for nothing; under steady load once a millisecond, so that one trip to Redis and back serves
 * many (A2).
 */
export class Gathering {
  readonly #clock: Clock;
  #waiting: Appending[] = [];
  #sentMs = Number.NEGATIVE_INFINITY;

  /** @param pauseMs appends are sent at most this often; what is due sooner waits for it */
  constructor(
    clock: Clock,
    readonly pauseMs = 1,
  ) {
    this.#clock = clock;
  }

  /** At the end of this turn, or up to a millisecond later. */
  add(appending: Appending): void {
    this.#waiting.push(appending);
    if (this.#waiting.length === 1) this.#clock.defer(() => this.#turnEnded());
  }

  #turnEnded(): void {
    const waitMs = this.#sentMs + this.pauseMs - this.#clock.monotonic();
    if (waitMs <= 0) this.#send();
    else this.#clock.setTimeout(() => this.#send(), waitMs);
  }

  #send(): void {
    this.#sentMs = this.#clock.monotonic();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const appending of waiting) appending.due();
  }
}
