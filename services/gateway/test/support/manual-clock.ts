import { FakeClock, type FakeTimer } from '@holdfast/testkit';
import type { Clock, Timer } from '../../src/ports/clock.js';

/** A clock that the test moves. Deferred callbacks run with the next {@link settle} or {@link advance}. */
export class ManualClock implements Clock {
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

  /** Runs every callback that is due now, and those that become due by it. */
  settle(): Promise<void> {
    return this.#clock.advanceAsync(0);
  }

  /** Time passes in which nothing runs, as on a machine that is too busy: timers fire that much late. */
  stall(ms: number): void {
    this.#stalledMs += ms;
  }

  /** Moves time on. Timers fire in their order, and promises settle between them. */
  advance(ms: number): Promise<void> {
    return this.#clock.advanceAsync(ms);
  }
}
