import type { Clock } from '../ports/clock.js';

/** Bytes of history that are written in one turn of the event loop: two or three milliseconds' work. */
export const TURN_BYTES = 524_288;

/**
 * Lets members be given history a little in each turn of the event loop, in the order in which they ask. The network
 * takes megabytes at once of each fast reader: two hundred of them would keep everybody else's messages waiting for as
 * long as all that is written (F6).
 */
export class HistoryTurns {
  readonly #clock: Pick<Clock, 'defer'>;
  #left = TURN_BYTES;
  #waiting: (() => void)[] = [];
  #isNextDue = false;

  constructor(clock: Pick<Clock, 'defer'>) {
    this.#clock = clock;
  }

  /**
   * Writes now, or in a later turn where this one has had its bytes. A turn writes one part more than its bytes allow.
   *
   * @param write writes one part. @returns how many bytes
   * @returns resolves when it was called; `undefined`: it was called at once
   */
  write(write: () => number): Promise<void> | undefined {
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#count(write());
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          this.#count(write());
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  #count(bytes: number): void {
    this.#left -= bytes;
    if (bytes > 0) this.#awaitNext();
  }

  #awaitNext(): void {
    if (this.#isNextDue) return;
    this.#isNextDue = true;
    this.#clock.defer(() => this.#begin());
  }

  #begin(): void {
    this.#isNextDue = false;
    this.#left = TURN_BYTES;
    let called = 0;
    for (; called < this.#waiting.length && this.#left > 0; called++) this.#waiting[called]?.();
    this.#waiting = this.#waiting.slice(called);
    if (this.#waiting.length > 0) this.#awaitNext();
  }
}
