import type { Clock } from '../ports/clock.js';

/** Something that has messages to append. */
export interface Appending {
  /** Sends them. Never throws. */
  due(): void;
}

/** Turns of the event loop after the pause in which more is still gathered. */
const TURNS = 2;

/**
 * Sends the appends of all sessions together: at the end of the turn when there were none for a millisecond, so that
 * a single message waits for nothing; under steady load once a millisecond, so that one trip to Redis and back serves
 * many (A2). Where turns take longer than that, it goes by turns: members of a session that are read in turns that
 * follow on each other share a call, and what it delivers to them is what they answer together.
 */
export class AppendScheduler {
  readonly #clock: Clock;
  #waiting: Appending[] = [];
  #state: 'resting' | 'pausing' = 'resting';

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
    if (this.#state !== 'resting') return;
    this.#state = 'pausing';
    this.#clock.defer(() => this.#send());
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const appending of waiting) appending.due();
    this.#clock.setTimeout(() => this.#gather(TURNS), this.pauseMs);
  }

  #gather(turns: number): void {
    if (turns > 0) this.#clock.defer(() => this.#gather(turns - 1));
    else if (this.#waiting.length > 0) this.#send();
    else this.#state = 'resting';
  }
}
