import { isSessionId } from '@holdfast/protocol';
import { encodeSessionEvent } from './live-payload.js';
import { MemorySessionLog, storedCustom } from './memory-session-log.js';
import type { CustomData, SessionDirectory, SessionPage, StoredSession } from './port.js';

/** {@link SessionLog} and {@link SessionDirectory} in this process: for the embedded mode, tests and the simulation. */
export class MemorySessionStore extends MemorySessionLog implements SessionDirectory {
  async create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    if (this.find(sessionId)) return undefined;
    return this.stored(sessionId, this.add(sessionId, options));
  }

  async get(sessionId: string): Promise<StoredSession | undefined> {
    const session = this.find(sessionId);
    return session && this.stored(sessionId, session);
  }

  /** The cursor is the last id of the page before. */
  async list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    const { limit, cursor = '', prefix = '' } = options;
    if (cursor !== '' && !isSessionId(cursor)) throw new RangeError('invalid cursor');
    const ids = [...this.sessions.keys()].sort().filter((id) => id.startsWith(prefix) && id > cursor);
    const sessions: StoredSession[] = [];
    for (const id of ids) {
      const session = this.find(id);
      if (!session) continue;
      if (sessions.length === limit) return { sessions, cursor: sessions.at(-1)?.sessionId ?? null };
      sessions.push(this.stored(id, session));
    }
    return { sessions, cursor: null };
  }

  async merge(sessionId: string, custom: CustomData): Promise<StoredSession | undefined> {
    const session = this.find(sessionId);
    if (!session) return undefined;
    session.state.custom = storedCustom({ ...session.state.custom, ...custom });
    return this.stored(sessionId, session);
  }

  async extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    const session = this.find(sessionId);
    if (!session) return undefined;
    if (ttl !== undefined) session.state.ttl = ttl;
    this.refresh(session);
    this.tell(sessionId, encodeSessionEvent({ event: 'extended', ttl: session.state.ttl }));
    return this.stored(sessionId, session);
  }

  async remove(sessionId: string): Promise<boolean> {
    const session = this.find(sessionId);
    if (!session) return false;
    this.sessions.delete(sessionId);
    const { epoch, ttl } = session.state;
    this.tombstones.set(sessionId, { epoch, deadline: this.now() + ttl * 1000 });
    this.tell(sessionId, encodeSessionEvent({ event: 'deleted', epoch }));
    return true;
  }

  async put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    const custom = storedCustom(record.custom ?? {});
    const session = this.find(sessionId) ?? this.add(sessionId, {});
    const { state } = session;
    state.count = session.log.at(-1)?.seq ?? record.count ?? 0;
    state.lastActivity = record.lastActivity ?? this.now() / 1000;
    state.custom = custom;
    state.ttl = record.ttl ?? this.defaultTtl;
    delete state.disconnectedAt;
    this.refresh(session);
    return this.stored(sessionId, session);
  }
}
