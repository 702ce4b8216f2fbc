import { MemorySessionStore } from '@holdfast/session-store';

/** A store that can lose what it has, as a Redis that comes back empty or as an older copy. */
export class RewindableStore extends MemorySessionStore {
  copy() {
    return structuredClone({ sessions: this.sessions, tombstones: this.tombstones });
  }

  /** Comes back as it was. */
  rewind(copy: ReturnType<RewindableStore['copy']>): void {
    this.lose();
    const { sessions, tombstones } = structuredClone(copy);
    for (const [id, session] of sessions) this.sessions.set(id, session);
    for (const [id, tombstone] of tombstones) this.tombstones.set(id, tombstone);
  }

  /** Keeps a session, but not its log. */
  loseLog(sessionId: string): void {
    const session = this.sessions.get(sessionId);
    if (session) session.log = [];
  }

  /** Comes back empty. */
  lose(): void {
    this.sessions.clear();
    this.tombstones.clear();
  }
}
