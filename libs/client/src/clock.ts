/** Time, as the client needs it. A simulation passes its own. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Milliseconds that never go back. Intervals are measured with it. */
  monotonic(): number;
  setTimeout(run: () => void, ms: number): unknown;
  /** Cancels a timer. One that has fired, and `undefined`, are ignored. */
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as number | undefined),
};

/** A timer for one purpose: setting it again replaces what it was set to. */
export class Timer {
  readonly #clock: Clock;
  #pending: unknown;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(ms: number, run: () => void): void {
    this.clear();
    this.#pending = this.#clock.setTimeout(run, ms);
  }

  clear(): void {
    this.#clock.clearTimeout(this.#pending);
  }
}
