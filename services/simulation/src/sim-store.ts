import { MemorySessionStore } from '@holdfast/session-store';
import type { StoreState } from './history.js';

type MemorySession = MemorySessionStore['sessions'] extends Map<string, infer S> ? S : never;

/** All that a store has, at a moment. */
export interface Snapshot {
  readonly sessions: ReadonlyMap<string, MemorySession>;
  readonly tombstones: MemorySessionStore['tombstones'];
}

/** A store that can lose what it has, and fall back to what it had. */
export class SimStore extends MemorySessionStore {
  snapshot(): Snapshot {
    const copies = [...this.sessions].map(([sessionId, { state, log, deadline }]): [string, MemorySession] => [
      sessionId,
      { state: { ...state }, log: [...log], deadline },
    ]);
    return { sessions: new Map(copies), tombstones: new Map(this.tombstones) };
  }

  /** @param had what it has from now on; absent: nothing */
  fallBack(had?: Snapshot): void {
    this.sessions.clear();
    this.tombstones.clear();
    for (const [sessionId, session] of had?.sessions ?? []) this.sessions.set(sessionId, session);
    for (const [sessionId, tombstone] of had?.tombstones ?? []) this.tombstones.set(sessionId, tombstone);
  }

  /** As an eviction of one key would: a log without its session is nobody's, and as good as lost. */
  lose(sessionId: string, key: 'session' | 'log'): void {
    const session = this.sessions.get(sessionId);
    if (key === 'session') this.sessions.delete(sessionId);
    else if (session) session.log = [];
  }

  /** What it has of a session that has not expired; changes nothing. */
  look(sessionId: string): StoreState | undefined {
    const session = this.sessions.get(sessionId);
    if (!session || session.deadline <= this.now()) return undefined;
    const { epoch, count } = session.state;
    return { epoch, count, log: session.log };
  }

  hasTombstone(sessionId: string, epoch: string): boolean {
    const tombstone = this.tombstones.get(sessionId);
    return tombstone?.epoch === epoch && tombstone.deadline > this.now();
  }
}
