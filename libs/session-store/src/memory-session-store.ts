import { isStoredSessionId } from '@holdfast/protocol';
import { MemorySessionLog } from './memory-session-log.js';
import { storedCustom } from './memory-sessions.js';
import type { CustomData, SessionDirectory, SessionPage, StoredSession } from './port.js';
import { DataTooLargeError } from './storage-errors.js';

/** `SessionLog` and {@link SessionDirectory} in this process: for the embedded mode, tests and the simulation. */
export class MemorySessionStore extends MemorySessionLog implements SessionDirectory {
  async create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    if (this.sessions.find(sessionId)) return undefined;
    return this.sessions.stored(sessionId, this.sessions.create(sessionId, options));
  }

  async get(sessionId: string): Promise<StoredSession | undefined> {
    const session = this.sessions.find(sessionId);
    return session && this.sessions.stored(sessionId, session);
  }

  /** Lists by id. The cursor is the last id of the page before. */
  async list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    const { limit, cursor = '', prefix = '' } = options;
    if (cursor !== '' && !isStoredSessionId(cursor)) throw new RangeError('invalid cursor');
    const ids = this.sessions.ids().filter((id) => id.startsWith(prefix) && id > cursor);
    const sessions: StoredSession[] = [];
    for (const id of ids) {
      const session = this.sessions.find(id);
      if (!session) continue;
      if (sessions.length === limit) return { sessions, cursor: sessions.at(-1)?.sessionId ?? null };
      sessions.push(this.sessions.stored(id, session));
    }
    return { sessions, cursor: null };
  }

  async merge(sessionId: string, custom: CustomData, maxBytes = 0): Promise<StoredSession | undefined> {
    const session = this.sessions.find(sessionId);
    if (!session) return undefined;
    const merged = storedCustom({ ...session.state.custom, ...custom });
    if (maxBytes > 0 && Buffer.byteLength(JSON.stringify(merged)) > maxBytes) {
      throw new DataTooLargeError(sessionId, maxBytes);
    }
    session.state.custom = merged;
    return this.sessions.stored(sessionId, session);
  }

  async extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    const session = this.sessions.find(sessionId);
    if (!session) return undefined;
    if (ttl !== undefined) session.state.ttl = ttl;
    this.sessions.refresh(session);
    this.publishEvent(sessionId, { event: 'extended', ttl: session.state.ttl });
    return this.sessions.stored(sessionId, session);
  }

  async remove(sessionId: string): Promise<boolean> {
    const session = this.sessions.find(sessionId);
    if (!session) return false;
    this.sessions.drop(sessionId);
    const { epoch, ttl } = session.state;
    this.sessions.rememberDeleted(sessionId, epoch, ttl * 1000);
    this.publishEvent(sessionId, { event: 'deleted', epoch });
    return true;
  }

  async keepBroadcast(id: string, json: string): Promise<void> {
    this.sessions.keepBroadcast(id, json);
  }

  async put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    const custom = storedCustom(record.custom ?? {});
    const session = this.sessions.find(sessionId) ?? this.sessions.create(sessionId);
    const { state } = session;
    state.count = session.log.at(-1)?.seq ?? record.count ?? 0;
    state.lastActivity = record.lastActivity ?? this.sessions.now() / 1000;
    state.custom = custom;
    state.ttl = record.ttl ?? this.sessions.defaultTtl;
    delete state.disconnectedAt;
    this.sessions.refresh(session);
    return this.sessions.stored(sessionId, session);
  }
}
