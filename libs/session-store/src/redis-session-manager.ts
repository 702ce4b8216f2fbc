import type { CustomData, SessionDirectory, StoredSession } from './port.js';
import { RESERVED_FIELDS } from './session-json.js';

/** What `getSession` answers: the seeds' object. Times in Unix seconds with fraction, `ttl`s in seconds. */
export interface ManagedSession {
  readonly data: { count: number; last_activity: number; disconnected_at?: number } & CustomData;
  readonly created_at: number;
  readonly ttl: number;
  readonly remaining_ttl: number;
}

/**
 * The seeds' session manager: `store_session`, `get_session`, `update_session`, `extend_session`, `delete_session`.
 * Back ends use it to look after sessions without going through HTTP.
 */
export class RedisSessionManager {
  readonly #directory: SessionDirectory;

  constructor(directory: SessionDirectory) {
    this.#directory = directory;
  }

  /**
   * Writes a session whole.
   *
   * @param options.data `count` and `last_activity` (Unix seconds) of the session, and any custom fields
   * @param options.ttl seconds; absent: the default
   */
  async storeSession(options: { sessionId: string; data: CustomData; ttl?: number }): Promise<ManagedSession> {
    const { count, last_activity: lastActivity } = options.data;
    const stored = await this.#directory.put(options.sessionId, {
      custom: customOf(options.data),
      ...(count === undefined ? {} : { count: wholeNumber('count', count) }),
      ...(lastActivity === undefined ? {} : { lastActivity: time('last_activity', lastActivity) }),
      ...(options.ttl === undefined ? {} : { ttl: seconds('ttl', options.ttl) }),
    });
    return manage(stored);
  }

  /** @returns the session, or nothing when there is none */
  async getSession(sessionId: string): Promise<ManagedSession | undefined> {
    return manageIfAny(await this.#directory.get(sessionId));
  }

  /** Merges custom fields into the session's data; reserved fields are refused. */
  async updateSession(sessionId: string, data: CustomData): Promise<ManagedSession | undefined> {
    const reserved = RESERVED_FIELDS.find((field) => field in data);
    if (reserved !== undefined) throw new RangeError(`data.${reserved} is reserved: it is the session's own`);
    return manageIfAny(await this.#directory.merge(sessionId, data));
  }

  /** @param options.ttl seconds; absent: the session's own again */
  async extendSession(sessionId: string, options: { ttl?: number } = {}): Promise<ManagedSession | undefined> {
    const ttl = options.ttl === undefined ? undefined : seconds('ttl', options.ttl);
    return manageIfAny(await this.#directory.extend(sessionId, ttl));
  }

  /** @returns whether there was one */
  async deleteSession(sessionId: string): Promise<boolean> {
    return this.#directory.remove(sessionId);
  }
}

function manageIfAny(session: StoredSession | undefined): ManagedSession | undefined {
  return session && manage(session);
}

/** The seeds' session object. */
export function manage(session: StoredSession): ManagedSession {
  const { count, lastActivity, disconnectedAt, custom, createdAt, ttl, remainingMs } = session;
  const away = disconnectedAt === undefined ? {} : { disconnected_at: disconnectedAt };
  return {
    data: { ...custom, count, last_activity: lastActivity, ...away },
    created_at: createdAt,
    ttl,
    remaining_ttl: remainingMs < 0 ? -1 : Math.ceil(remainingMs / 1000),
  };
}

function customOf(data: CustomData): CustomData {
  return Object.fromEntries(Object.entries(data).filter(([field]) => !RESERVED_FIELDS.includes(field)));
}

function wholeNumber(field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`data.${field} must be a whole number, 0 or more`);
}

function time(field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`data.${field} must be a time in Unix seconds`);
}

function seconds(field: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`${field} must be a whole number of seconds, 1 or more`);
}
