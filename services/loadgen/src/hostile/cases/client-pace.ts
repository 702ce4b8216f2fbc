import { setTimeout as delay } from 'node:timers/promises';

/** A little less than what a connection may send (V24), so that a timer that is late does not lead above it. */
const BURST = 180;
const PER_SECOND = 95;

/** Lets one client send as fast as its connection may: a burst, then a steady rate. */
export class ClientPace {
  #left = BURST;
  #atMs = performance.now();

  /** Resolves when the next message may be sent. */
  async turn(): Promise<void> {
    this.#refill();
    while (this.#left < 1) {
      await delay(((1 - this.#left) * 1_000) / PER_SECOND);
      this.#refill();
    }
    this.#left -= 1;
  }

  #refill(): void {
    const nowMs = performance.now();
    this.#left = Math.min(BURST, this.#left + ((nowMs - this.#atMs) * PER_SECOND) / 1_000);
    this.#atMs = nowMs;
  }
}
