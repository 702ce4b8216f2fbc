import type { Clock, Timer } from './clock.js';

const MIN_MS = 100;
const MAX_MS = 2_000;
/** A slot that is on the move soon has arrived (A7). */
const MOVING = /\bTRYAGAIN\b| non local key /;
const MOVING_MS = 100;

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

  /** Resolves when the pause is over, or cut short. One at a time. @param reason what the last attempt failed of */
  wait(reason?: unknown): Promise<void> {
    const pauseMs = this.#pauseMs(reason);
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#timer = this.#clock.setTimeout(resolve, pauseMs);
    });
  }

  #pauseMs(reason: unknown): number {
    if (reason instanceof Error && MOVING.test(reason.message)) return MOVING_MS;
    const pauseMs = this.#nextMs * (0.5 + this.#random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, MAX_MS);
    return pauseMs;
  }

  /** Ends the pause now, so that whoever waits for those who pause goes on. */
  cut(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#end?.();
  }
}
