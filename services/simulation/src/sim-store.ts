import { MemorySessionStore, type MemorySnapshot } from '@holdfast/session-store';
import type { StoreState } from './stored.js';

/** A store that can lose its data, or fall back to older data. */
export class SimStore extends MemorySessionStore {
  snapshot(): MemorySnapshot {
    return this.sessions.snapshot();
  }

  /** Replaces all data. @param snapshot the new data; absent: none */
  fallBack(snapshot?: MemorySnapshot): void {
    this.sessions.restore(snapshot);
  }

  /**
   * Loses a key, as by eviction. If it is the session's, the log is lost too, because it belongs to no session any
   * more.
   */
  lose(sessionId: string, key: 'session' | 'log'): void {
    const session = this.sessions.find(sessionId);
    if (key === 'session') this.sessions.drop(sessionId);
    else if (session) {
      session.log = [];
      Object.assign(session.size, { bytes: 0, largeSeq: 0 });
    }
  }

  /** The state of a session that has not expired. */
  look(sessionId: string): StoreState | undefined {
    const session = this.sessions.find(sessionId);
    if (!session) return undefined;
    const { epoch, count } = session.state;
    return { epoch, count, log: session.log };
  }

  hasTombstone(sessionId: string, epoch: string): boolean {
    return this.sessions.deletedEpoch(sessionId) === epoch;
  }
}
