import { MemorySessionStore, type MemorySnapshot } from '@holdfast/session-store';

/** A store that can lose its data, as a Redis that comes back empty or as an older copy. */
export class RewindableStore extends MemorySessionStore {
  copy(): MemorySnapshot {
    return this.sessions.snapshot();
  }

  /** Comes back as an older copy. */
  rewind(copy: MemorySnapshot): void {
    this.sessions.restore(copy);
  }

  /** Loses the log of a session, and keeps the session itself. */
  loseLog(sessionId: string): void {
    const session = this.sessions.find(sessionId);
    if (session) session.log = [];
  }

  /** Comes back empty. */
  lose(): void {
    this.sessions.restore();
  }
}
