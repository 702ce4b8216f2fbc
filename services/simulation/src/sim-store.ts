import { MemorySessionStore, type MemorySnapshot } from '@holdfast/session-store';
import type { StoreState } from './history.js';

/** A store that can lose its data, or fall back to older data. */
export class SimStore extends MemorySessionStore {
  snapshot(): MemorySnapshot {
    return this.sessions.snapshot();
  }

  /** @param snapshot what the store has from now on; absent: nothing */
  fallBack(snapshot?: MemorySnapshot): void {
    this.sessions.restore(snapshot);
  }

  /** As an eviction of one key would. A log without its session belongs to nobody, and is as good as lost. */
  lose(sessionId: string, key: 'session' | 'log'): void {
    const session = this.sessions.find(sessionId);
    if (key === 'session') this.sessions.drop(sessionId);
    else if (session) session.log = [];
  }

  /** What the store has of a session that has not expired. */
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
