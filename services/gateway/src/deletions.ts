import type { Clock } from './clock.js';

/** Sessions that this gateway was told are deleted, for as long as an old copy could bring them back (G5). */
export class Deletions {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #noted = new Map<string, { readonly epoch: string; readonly untilMs: number }>();

  /** @param keepMs how long one is remembered: the longest a session lives by itself, milliseconds */
  constructor(clock: Clock, keepMs: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  note(sessionId: string, epoch: string): void {
    this.#noted.set(sessionId, { epoch, untilMs: this.#clock.monotonic() + this.#keepMs });
  }

  has(sessionId: string, epoch: string): boolean {
    return this.#noted.get(sessionId)?.epoch === epoch;
  }

  /** Those still to be remembered, with the milliseconds left; forgets the others. */
  *all(): Iterable<{ readonly sessionId: string; readonly epoch: string; readonly leftMs: number }> {
    const nowMs = this.#clock.monotonic();
    for (const [sessionId, { epoch, untilMs }] of this.#noted) {
      if (untilMs > nowMs) yield { sessionId, epoch, leftMs: untilMs - nowMs };
      else this.#noted.delete(sessionId);
    }
  }
}
