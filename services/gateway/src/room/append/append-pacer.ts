import type { Clock } from '../../ports/clock.js';

/** About half of what it takes to hand a message to a member and to read the member's answer. Milliseconds. */
const LISTENER_MS = 0.006;
/** Rooms with fewer listeners do not wait, because the append scheduler gathers as long as that anyway (A2). */
const LISTENERS_MIN = 100;
const REST_MS_MAX = 50;

/**
 * Decides how soon a session's next messages are appended after the last ones were delivered. Writing to each of a
 * thousand members costs the same for one message as for ten: while that is going on, more messages are gathered. A
 * room that was quiet does not wait.
 */
export class AppendPacer {
  readonly #clock: Clock;
  #restUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Messages were delivered. @param listeners members that they were written to */
  delivered(listeners: number): void {
    if (listeners < LISTENERS_MIN) return;
    this.#restUntilMs = this.#clock.monotonic() + Math.min(REST_MS_MAX, listeners * LISTENER_MS);
  }

  /** Calls back once the pause is over; at once where there is none. */
  afterRest(callback: () => void): void {
    const restMs = this.#restUntilMs === 0 ? 0 : this.#restUntilMs - this.#clock.monotonic();
    if (restMs <= 0) callback();
    else this.#clock.setTimeout(callback, restMs);
  }
}
