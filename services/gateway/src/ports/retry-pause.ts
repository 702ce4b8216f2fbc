import { isSlotMoving } from '@holdfast/redis-client';
import type { Clock, Timer } from './clock.js';

const MIN_MS = 100;
const MAX_MS = 2_000;
/** A slot's move takes a moment only (A7): the pause stays short. */
const SLOT_MOVING_MS = 100;

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
    if (isSlotMoving(reason)) return SLOT_MOVING_MS;
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
