import type {
  AppendRequest,
  AppendResult,
  CustomData,
  ForkRequest,
  ForkResult,
  HealRequest,
  HealResult,
  LogRead,
  OpenOptions,
  OpenResult,
  ReadRange,
  SessionDirectory,
  SessionLog,
  SessionPage,
  StoredSession,
} from './port.js';

type SessionStore = SessionLog & SessionDirectory;

/**
 * Several stores as one. A session is always asked for through the same store, so that its calls keep their order
 * (A2); a call for no single session goes through the first.
 *
 * @param stores of the same Redis, each on a connection of its own (K6)
 * @throws {RangeError} when there is none
 */
export function pooled(stores: readonly SessionStore[]): SessionStore {
  const [first] = stores;
  if (!first) throw new RangeError('a pool needs a store');
  return stores.length === 1 ? first : new PooledStore(first, stores);
}

/** Every method hands its arguments on unchanged; the compiler holds that none of the ports' is missing. */
class PooledStore implements SessionLog, SessionDirectory {
  readonly #first: SessionStore;
  readonly #stores: readonly SessionStore[];

  constructor(first: SessionStore, stores: readonly SessionStore[]) {
    this.#first = first;
    this.#stores = stores;
  }

  open(sessionId: string, options?: OpenOptions): Promise<OpenResult | 'deleted' | 'gone'> {
    return this.#of(sessionId).open(sessionId, options);
  }

  append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    return this.#of(sessionId).append(sessionId, request);
  }

  read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead> {
    return this.#of(sessionId).read(sessionId, range, epoch);
  }

  heal(sessionId: string, request: HealRequest): Promise<HealResult> {
    return this.#of(sessionId).heal(sessionId, request);
  }

  fork(sessionId: string, request: ForkRequest): Promise<ForkResult> {
    return this.#of(sessionId).fork(sessionId, request);
  }

  bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    return this.#of(sessionId).bury(sessionId, epoch, keepMs);
  }

  leave(sessionId: string): Promise<void> {
    return this.#of(sessionId).leave(sessionId);
  }

  broadcast(id: string): Promise<string | undefined> {
    return this.#first.broadcast(id);
  }

  keepBroadcast(id: string, json: string): Promise<void> {
    return this.#first.keepBroadcast(id, json);
  }

  create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    return this.#of(sessionId).create(sessionId, options);
  }

  get(sessionId: string): Promise<StoredSession | undefined> {
    return this.#of(sessionId).get(sessionId);
  }

  list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    return this.#first.list(options);
  }

  merge(sessionId: string, custom: CustomData, maxBytes?: number): Promise<StoredSession | undefined> {
    return this.#of(sessionId).merge(sessionId, custom, maxBytes);
  }

  extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    return this.#of(sessionId).extend(sessionId, ttl);
  }

  remove(sessionId: string): Promise<boolean> {
    return this.#of(sessionId).remove(sessionId);
  }

  put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    return this.#of(sessionId).put(sessionId, record);
  }

  #of(sessionId: string): SessionStore {
    return this.#stores[hash(sessionId) % this.#stores.length] ?? this.#first;
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
