import type { Clock } from '../../ports/clock.js';

/** About half of what it takes to hand something to a member and to read its answer. Milliseconds. */
const LISTENER_MS = 0.006;
/** Rooms with fewer listeners do not wait: appends are gathered as long as that anyway (A2). */
const LISTENERS_MIN = 100;
const REST_MS_MAX = 50;

/**
 * How soon a session's next messages are appended after its last ones were delivered. Handing something to each of a
 * thousand members costs the same whether it is one message or ten: while that is going on, more is gathered. A room
 * that was quiet does not wait.
 */
export class AppendPacer {
  readonly #clock: Clock;
  #restUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  delivered(listeners: number): void {
    if (listeners < LISTENERS_MIN) return;
    this.#restUntilMs = this.#clock.monotonic() + Math.min(REST_MS_MAX, listeners * LISTENER_MS);
  }

  /** Goes on at once, or when the rest is over. */
  whenRested(goOn: () => void): void {
    const restMs = this.#restUntilMs === 0 ? 0 : this.#restUntilMs - this.#clock.monotonic();
    if (restMs <= 0) goOn();
    else this.#clock.setTimeout(goOn, restMs);
  }
}
