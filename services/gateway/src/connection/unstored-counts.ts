/** Message counts of sessions without persistence: this gateway's own, kept for the session ttl. */
export class UnstoredCounts {
  readonly #counts = new Map<string, { count: number; lastMs: number }>();

  /** @param ttlMs how long a count is kept after its last message, milliseconds */
  constructor(readonly ttlMs: number) {}

  /** Counts one message. */
  next(sessionId: string, nowMs: number): number {
    const entry = this.#counts.get(sessionId) ?? { count: 0, lastMs: nowMs };
    entry.count += 1;
    entry.lastMs = nowMs;
    this.#counts.set(sessionId, entry);
    return entry.count;
  }

  of(sessionId: string): number {
    return this.#counts.get(sessionId)?.count ?? 0;
  }

  /** Drops what has outlived its time. */
  sweep(nowMs: number): void {
    for (const [sessionId, { lastMs }] of this.#counts) {
      if (nowMs - lastMs >= this.ttlMs) this.#counts.delete(sessionId);
    }
  }
}
