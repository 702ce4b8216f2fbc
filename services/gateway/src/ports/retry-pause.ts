import { isSlotMoving } from '@holdfast/redis-client';
import type { Clock, Timer } from './clock.js';

const MIN_MS = 100;
const MAX_MS = 2_000;
/** A slot moves within moments (A7), so the pause does not grow. */
const SLOT_MOVING_MS = 100;

/**
 * Pauses between the attempts of one caller while the store does not answer: each twice as long as the one before, up
 * to 2 s, with jitter. A success ends the series: the caller then makes a new one.
 */
export class RetryPause {
  readonly #clock: Clock;
  readonly #random: () => number;
  #nextMs = MIN_MS;
  #timer: Timer | undefined;
  #end: (() => void) | undefined;

  /** @param random from 0 up to 1 */
  constructor({ clock, random }: { readonly clock: Clock; random(): number }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Resolves when the pause is over, or was cut. One at a time. @param reason the error of the last attempt */
  wait(reason?: unknown): Promise<void> {
    const pauseMs = this.#pauseMs(reason);
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#timer = this.#clock.setTimeout(resolve, pauseMs);
    });
  }

  #pauseMs(reason: unknown): number {
    if (isSlotMoving(reason)) return SLOT_MOVING_MS;
    const pauseMs = this.#nextMs * (0.5 + this.#random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, MAX_MS);
    return pauseMs;
  }

  /** Ends the pause at once: the caller is being stopped, and somebody may wait for it. */
  cut(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#end?.();
  }
}
