import type { SessionLog } from '@holdfast/session-store';
import type { Clock } from '../ports/clock.js';

/** Sessions that this gateway was told are deleted, for as long as an old copy could bring them back (G5). */
export class Deletions {
  readonly #clock: Clock;
  readonly #keepMs: number;
  /** The first to be forgotten first. */
  readonly #noted = new Map<string, { readonly epoch: string; readonly untilMs: number }>();

  /** @param keepMs how long one is remembered: the longest a session lives by itself, milliseconds */
  constructor(clock: Clock, keepMs: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#noted.size;
  }

  note(sessionId: string, epoch: string): void {
    this.#forgetOld();
    // Epochs sort: an earlier one that is told of late does not replace a later one.
    if ((this.#noted.get(sessionId)?.epoch ?? '') > epoch) return;
    this.#noted.delete(sessionId);
    this.#noted.set(sessionId, { epoch, untilMs: this.#clock.monotonic() + this.#keepMs });
  }

  has(sessionId: string, epoch: string): boolean {
    this.#forgetOld();
    // Epochs sort: what was deleted later took the place of this one, or has its history.
    return epoch !== '' && epoch <= (this.#noted.get(sessionId)?.epoch ?? '');
  }

  /** Deletes the session again where it is back in an epoch known to be deleted. @returns whether that one is */
  async bury(log: SessionLog, sessionId: string, epoch: string): Promise<boolean> {
    const noted = this.#noted.get(sessionId);
    if (!noted || !this.has(sessionId, epoch)) return false;
    await log.bury(sessionId, noted.epoch, noted.untilMs - this.#clock.monotonic());
    return true;
  }

  /** Session and epoch of each. */
  noted(): [sessionId: string, epoch: string][] {
    return [...this.#noted].map(([sessionId, { epoch }]) => [sessionId, epoch]);
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonic();
    for (const [sessionId, { untilMs }] of this.#noted) {
      if (untilMs > nowMs) return;
      this.#noted.delete(sessionId);
    }
  }
}
