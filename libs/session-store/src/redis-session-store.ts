import { isStoredSessionId } from '@holdfast/protocol';
import type { Redis } from 'ioredis';
import { guarded } from './guarded.js';
import type { CustomData, SessionDirectory, SessionPage, StoredSession } from './port.js';
import { RedisSessionLog } from './redis-session-log.js';
import { type ScanTarget, scanPage } from './scan-page.js';
import { renderCustom } from './session-json.js';
import { DataTooLargeError, SessionCorruptError } from './storage-errors.js';

/** How long a broadcast is kept: longer than any gateway takes to hear of it. */
const BROADCAST_SECONDS = 60;

/** {@link SessionLog} and {@link SessionDirectory} on Redis. */
export class RedisSessionStore extends RedisSessionLog implements SessionDirectory {
  async create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    return this.#put('create', sessionId, options);
  }

  async put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    const session = await this.#put('put', sessionId, record);
    if (!session) throw new Error(`session ${sessionId} was not written`);
    return session;
  }

  async get(sessionId: string): Promise<StoredSession | undefined> {
    return (await this.read(sessionId, { newest: 0 })).session;
  }

  async list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    const { prefix } = options;
    const pattern = this.names.sessionKeyPattern(prefix);
    const page = await scanPage(this.#scanTargets(), pattern, options.limit, options.cursor);
    const ids = page.keys.map(this.names.sessionIdOf).filter(isStoredSessionId);
    const found = await Promise.all(ids.map((id) => this.#getReadable(id)));
    return { sessions: found.filter((session) => session !== undefined), cursor: page.cursor };
  }

  async merge(sessionId: string, custom: CustomData, maxBytes = 0): Promise<StoredSession | undefined> {
    const reply = await this.call('merge', sessionId, [renderCustom(custom), maxBytes]);
    if (reply === 'too large') throw new DataTooLargeError(sessionId, maxBytes);
    return this.#changed(sessionId, reply);
  }

  async extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    const reply = await this.call('extend', sessionId, [ttl ?? '']);
    if (Array.isArray(reply)) this.published(String(reply[2]));
    return this.#changed(sessionId, reply);
  }

  async remove(sessionId: string): Promise<boolean> {
    const reply = await this.call('delete', sessionId, [this.defaultTtl]);
    if (typeof reply === 'string') this.published(reply);
    return reply !== 0;
  }

  async keepBroadcast(id: string, json: string): Promise<void> {
    await guarded(() => this.client.set(this.names.broadcastKey(id), json, 'EX', BROADCAST_SECONDS));
  }

  async #put(
    mode: 'create' | 'put',
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession | undefined> {
    const reply = await this.call('put', sessionId, [
      mode,
      record.count ?? 0,
      record.lastActivity?.toFixed(3) ?? '',
      renderCustom(record.custom ?? {}),
      record.ttl ?? this.defaultTtl,
      this.nonce(),
    ]);
    return reply === null ? undefined : this.#changed(sessionId, reply);
  }

  /** A session, or nothing when it cannot be read: a list goes on past it. */
  async #getReadable(sessionId: string): Promise<StoredSession | undefined> {
    try {
      return await this.get(sessionId);
    } catch (error) {
      if (error instanceof SessionCorruptError) return undefined;
      throw error;
    }
  }

  #changed(sessionId: string, reply: unknown): StoredSession | undefined {
    if (reply === 'gone') return undefined;
    if (reply === 'corrupt' || reply === 'foreign') throw new SessionCorruptError(sessionId, reply === 'foreign');
    const [json, remainingMs] = reply as [string, number];
    return this.session(sessionId, json, remainingMs);
  }

  #scanTargets(): ScanTarget[] {
    const client = this.client;
    // The order must be the same for all pages of a listing, whichever process serves them.
    const masters = 'nodes' in client ? client.nodes('master').sort(byAddress) : [client];
    return masters.map((master) => ({ scan: (...args) => guarded(() => master.scan(...args)) }));
  }
}

function byAddress(a: Redis, b: Redis): number {
  const [left, right] = [a, b].map(({ options }) => `${options.host}:${options.port}`);
  return String(left).localeCompare(String(right));
}
