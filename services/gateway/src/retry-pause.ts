import type { Clock, Timer } from './clock.js';

const MIN_MS = 100;
const MAX_MS = 2_000;

/** Pauses between attempts while the store does not answer: each twice as long as the one before, with jitter. */
export class RetryPause {
  readonly #clock: Clock;
  readonly #random: () => number;
  #nextMs = MIN_MS;
  #timer: Timer | undefined;
  #end: (() => void) | undefined;

  constructor({ clock, random }: { readonly clock: Clock; random(): number }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Resolves when the pause is over, or cut short. One at a time. */
  wait(): Promise<void> {
    const pauseMs = this.#nextMs * (0.5 + this.#random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, MAX_MS);
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#timer = this.#clock.setTimeout(resolve, pauseMs);
    });
  }

  /** An attempt succeeded: the next pause is a short one. */
  reset(): void {
    this.#nextMs = MIN_MS;
  }

  /** Ends the pause now, so that whoever waits for those who pause goes on. */
  cut(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#end?.();
  }
}
