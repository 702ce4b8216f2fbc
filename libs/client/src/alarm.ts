import type { Clock } from './options.js';

/** One timer that is set, set anew, or cleared. */
export class Alarm {
  #timer: unknown;

  constructor(readonly clock: Clock) {}

  set(ms: number, run: () => void): void {
    this.clear();
    this.#timer = this.clock.setTimeout(run, ms);
  }

  clear(): void {
    this.clock.clearTimeout(this.#timer);
  }
}
