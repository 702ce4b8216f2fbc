import type { SessionLog } from '@holdfast/session-store';
import type { Clock } from '../ports/clock.js';
import { RecentMap } from './recent-map.js';

/** Deletions that are remembered in any case; twice as many take at most 60 MB. */
const REMEMBERED = 100_000;

/**
 * Sessions that this gateway knows were deleted, each with the epoch that was deleted last. An old copy of Redis can
 * bring a deleted session back; a gateway that remembers the deletion deletes the session again (G5). Epochs are
 * compared as texts: a later epoch is the greater one.
 */
export class Deletions {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #bySession: RecentMap<{ readonly epoch: string; readonly untilMs: number }>;

  /**
   * @param keepMs how long a deletion is remembered, milliseconds: the longest that an old copy could live by itself
   * @param most so many of the newest deletions are remembered in any case
   */
  constructor(clock: Clock, keepMs: number, most = REMEMBERED) {
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#bySession = new RecentMap({ keepMs, most });
  }

  /** Deletions that take memory. */
  get size(): number {
    return this.#bySession.size;
  }

  /** Remembers a deletion. An earlier epoch that is told late does not replace a later one. */
  note(sessionId: string, epoch: string): void {
    const nowMs = this.#clock.monotonic();
    if ((this.#bySession.get(sessionId, nowMs)?.epoch ?? '') > epoch) return;
    this.#bySession.set(sessionId, { epoch, untilMs: nowMs + this.#keepMs }, nowMs);
  }

  /**
   * Whether this epoch of a session was deleted. It was when a later epoch was, too: the later one followed on it, or
   * has taken over its history.
   */
  has(sessionId: string, epoch: string): boolean {
    const nowMs = this.#clock.monotonic();
    this.#bySession.forgetOld(nowMs);
    return epoch !== '' && epoch <= (this.#bySession.get(sessionId, nowMs)?.epoch ?? '');
  }

  /**
   * Deletes a session again if the epoch it was found in was deleted. Rejects when Redis cannot be asked.
   *
   * @param epoch the one that the session has in Redis
   * @returns whether that epoch was deleted
   */
  async bury(log: SessionLog, sessionId: string, epoch: string): Promise<boolean> {
    if (!this.has(sessionId, epoch)) return false;
    const nowMs = this.#clock.monotonic();
    const noted = this.#bySession.get(sessionId, nowMs);
    if (noted) await log.bury(sessionId, noted.epoch, noted.untilMs - nowMs);
    return true;
  }

  /** Session and epoch of each. */
  noted(): [sessionId: string, epoch: string][] {
    return Array.from(this.#bySession.entries(this.#clock.monotonic()), ([sessionId, { epoch }]) => [sessionId, epoch]);
  }
}
