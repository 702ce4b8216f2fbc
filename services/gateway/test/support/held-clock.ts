import { FakeClock, type FakeTimer } from '@holdfast/testkit';
import type { Clock, Timer } from '../../src/ports/clock.js';

/** Time in the test's hand. What is deferred runs with the next {@link settle} or {@link advance}. */
export class HeldClock implements Clock {
  readonly #clock = new FakeClock();
  #stalledMs = 0;

  readonly now = (): number => Math.floor(this.#clock.now() + this.#stalledMs);
  readonly monotonic = (): number => this.#clock.monotonic() + this.#stalledMs;

  setTimeout(callback: () => void, ms: number): Timer {
    return this.#clock.setTimeout(callback, ms) as unknown as Timer;
  }

  clearTimeout(timer: Timer | undefined): void {
    this.#clock.clearTimeout(timer as unknown as FakeTimer | undefined);
  }

  defer(callback: () => void): void {
    this.#clock.setTimeout(callback, 0);
  }

  /** Timers that have yet to fire. */
  get pending(): number {
    return this.#clock.pending;
  }

  /** Lets happen what is due now, and what that makes due. */
  settle(): Promise<void> {
    return this.#clock.advanceAsync(0);
  }

  /** Time goes by in which nothing runs, as on a machine that is too busy; timers come that much late. */
  stall(ms: number): void {
    this.#stalledMs += ms;
  }

  /** Moves time on; promises settle between timers. */
  advance(ms: number): Promise<void> {
    return this.#clock.advanceAsync(ms);
  }
}
