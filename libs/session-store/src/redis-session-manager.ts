import type { CustomData, SessionDirectory, StoredSession } from './port.js';
import { readableCustom } from './sealed-message.js';
import { RESERVED_FIELDS } from './session-json.js';

/** Longest ttl a session can have: ten years, in seconds. */
export const TTL_MAX_SECONDS = 315_360_000;
/** Largest count and time: what every program and script reads as written. */
const COUNT_MAX = 999_999_999_999;
const TIME_MAX = 253_402_300_799;

/**
 * What `getSession` answers, as the original guides show it. Times in Unix seconds with fraction, `ttl`s in seconds.
 */
export interface ManagedSession {
  readonly data: { count: number; last_activity: number; disconnected_at?: number } & CustomData;
  readonly created_at: number;
  readonly ttl: number;
  readonly remaining_ttl: number;
  /** Some encrypted fields cannot be read, and are missing (E1). */
  readonly data_error?: 'unreadable';
}

/**
 * The session manager of the original guides: `store_session`, `get_session`, `update_session`, `extend_session` and
 * `delete_session`.
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
   * @throws {RangeError} naming the field that is ill-formed and what is allowed
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

  /**
   * Merges custom fields into the session's data.
   *
   * @throws {RangeError} when a field is one of the session's own (`count`, `last_activity`, `disconnected_at`), or
   *   holds a number that JSON has not: `NaN` or an infinite one (C8)
   */
  async updateSession(sessionId: string, data: CustomData): Promise<ManagedSession | undefined> {
    checkNumbers('data', data);
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

/** The session object of the original guides. */
export function manage(session: StoredSession): ManagedSession {
  const { count, lastActivity, disconnectedAt, custom, createdAt, ttl, remainingMs } = session;
  const readable = readableCustom(custom);
  const away = disconnectedAt === undefined ? {} : { disconnected_at: disconnectedAt };
  return {
    data: { ...readable, count, last_activity: lastActivity, ...away },
    created_at: createdAt,
    ttl,
    remaining_ttl: remainingMs < 0 ? -1 : Math.ceil(remainingMs / 1000),
    ...(readable === custom ? {} : { data_error: 'unreadable' as const }),
  };
}

function customOf(data: CustomData): CustomData {
  const custom = Object.fromEntries(Object.entries(data).filter(([field]) => !RESERVED_FIELDS.includes(field)));
  checkNumbers('data', custom);
  return custom;
}

/** Refuses what `JSON.stringify` would silently write as `null` (C8). */
function checkNumbers(path: string, value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${path} must be a finite number`);
  if (typeof value !== 'object' || value === null) return;
  for (const [field, inner] of Object.entries(value)) checkNumbers(`${path}.${field}`, inner);
}

function wholeNumber(field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_MAX) return value;
  throw new RangeError(`data.${field} must be a whole number from 0 to ${COUNT_MAX}`);
}

function time(field: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= TIME_MAX) return value;
  throw new RangeError(`data.${field} must be a time in Unix seconds`);
}

function seconds(field: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= TTL_MAX_SECONDS) return value;
  throw new RangeError(`${field} must be a whole number of seconds, 1 to ${TTL_MAX_SECONDS}`);
}
