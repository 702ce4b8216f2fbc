import type { SessionLog } from '@holdfast/session-store';
import type { Clock } from '../ports/clock.js';

/**
 * Sessions that this gateway knows were deleted, each with the epoch that was deleted last. An old copy of Redis can
 * bring a deleted session back; a gateway that remembers the deletion deletes the session again (G5). Epochs are
 * compared as texts: a later epoch is the greater one.
 */
export class Deletions {
  readonly #clock: Clock;
  readonly #keepMs: number;
  /** By session; the deletion that is forgotten first is first. */
  readonly #bySession = new Map<string, { readonly epoch: string; readonly untilMs: number }>();

  /**
   * @param keepMs how long a deletion is remembered, milliseconds: the longest that an old copy could live by itself
   */
  constructor(clock: Clock, keepMs: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#bySession.size;
  }

  /** Remembers a deletion. An earlier epoch that is told late does not replace a later one. */
  note(sessionId: string, epoch: string): void {
    this.#forgetOld();
    if ((this.#bySession.get(sessionId)?.epoch ?? '') > epoch) return;
    this.#bySession.delete(sessionId);
    this.#bySession.set(sessionId, { epoch, untilMs: this.#clock.monotonic() + this.#keepMs });
  }

  /**
   * Whether this epoch of a session was deleted. It was when a later epoch was, too: the later one followed on it, or
   * has taken over its history.
   */
  has(sessionId: string, epoch: string): boolean {
    this.#forgetOld();
    return epoch !== '' && epoch <= (this.#bySession.get(sessionId)?.epoch ?? '');
  }

  /**
   * Deletes a session again if the epoch it was found in was deleted. Rejects when Redis cannot be asked.
   *
   * @param epoch the one that the session has in Redis
   * @returns whether that epoch was deleted
   */
  async bury(log: SessionLog, sessionId: string, epoch: string): Promise<boolean> {
    const noted = this.#bySession.get(sessionId);
    if (!noted || !this.has(sessionId, epoch)) return false;
    await log.bury(sessionId, noted.epoch, noted.untilMs - this.#clock.monotonic());
    return true;
  }

  /** Session and epoch of each. */
  noted(): [sessionId: string, epoch: string][] {
    return [...this.#bySession].map(([sessionId, { epoch }]) => [sessionId, epoch]);
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonic();
    for (const [sessionId, { untilMs }] of this.#bySession) {
      if (untilMs > nowMs) return;
      this.#bySession.delete(sessionId);
    }
  }
}
