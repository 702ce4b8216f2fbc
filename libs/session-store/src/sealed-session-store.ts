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
import type { Seal } from './seal.js';
import {
  isSealed,
  isSealedField,
  type OnUnreadable,
  openCustom,
  openEntry,
  sealCustom,
  sealEntry,
  sealHead,
} from './sealed-message.js';
import { refuseReserved } from './session-json.js';

type SessionStore = SessionLog & SessionDirectory;

/** A broadcast belongs to no session: this stands where others have a session's id, and is none (C5). */
const BROADCASTS = ':broadcasts';

/**
 * A store whose contents and custom data are encrypted in the store behind it (E1). What comes out is in clear; what
 * cannot be opened says so (V2), and holds nothing else up.
 */
export class SealedSessionStore implements SessionLog, SessionDirectory {
  readonly #inner: SessionStore;
  readonly #seal: Seal;
  readonly #onUnreadable: OnUnreadable;

  /** @param inner its scripts know whether there are keys; see `RedisSessionStoreOptions.sealed` */
  constructor(inner: SessionStore, seal: Seal, onUnreadable: OnUnreadable = () => undefined) {
    this.#inner = inner;
    this.#seal = seal;
    this.#onUnreadable = onUnreadable;
  }

  async open(sessionId: string, options?: OpenOptions): Promise<OpenResult | 'deleted' | 'gone'> {
    const opened = await this.#inner.open(sessionId, options);
    return typeof opened === 'string' ? opened : { ...opened, session: this.#opened(opened.session) };
  }

  append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    if (!this.#seal.isOn) return this.#inner.append(sessionId, request);
    const messages = request.messages.map((message) => {
      return { ...message, head: sealHead(this.#seal, sessionId, message) };
    });
    return this.#inner.append(sessionId, { ...request, messages });
  }

  async read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead> {
    const read = await this.#inner.read(sessionId, range, epoch);
    const session = read.session && this.#opened(read.session);
    const isAny = read.entries.some(({ body }) => isSealed(body));
    if (session === read.session && !isAny) return read;
    const entries = read.entries.map((entry) => openEntry(this.#seal, sessionId, entry, this.#onUnreadable));
    return { ...read, ...(session && { session }), entries };
  }

  heal(sessionId: string, request: HealRequest): Promise<HealResult> {
    return this.#inner.heal(sessionId, this.#sealedPast(sessionId, request));
  }

  fork(sessionId: string, request: ForkRequest): Promise<ForkResult> {
    return this.#inner.fork(sessionId, this.#sealedPast(sessionId, request));
  }

  /** What a gateway gives back of a session. Without keys, too, it may hold what could not be opened. */
  #sealedPast<T extends HealRequest | ForkRequest>(sessionId: string, request: T): T {
    const custom = sealCustom(this.#seal, sessionId, request.session.custom);
    const entries = request.entries.map((entry) => sealEntry(this.#seal, sessionId, entry));
    return { ...request, session: { ...request.session, custom }, entries };
  }

  bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    return this.#inner.bury(sessionId, epoch, keepMs);
  }

  leave(sessionId: string): Promise<void> {
    return this.#inner.leave(sessionId);
  }

  async create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    const { custom = {} } = options;
    return this.#openedIfAny(
      await this.#inner.create(sessionId, { ...options, custom: this.#given(sessionId, custom) }),
    );
  }

  async get(sessionId: string): Promise<StoredSession | undefined> {
    return this.#openedIfAny(await this.#inner.get(sessionId));
  }

  async list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    const page = await this.#inner.list(options);
    return { ...page, sessions: page.sessions.map((session) => this.#opened(session)) };
  }

  async merge(sessionId: string, custom: CustomData, maxBytes?: number): Promise<StoredSession | undefined> {
    return this.#openedIfAny(await this.#inner.merge(sessionId, this.#given(sessionId, custom), maxBytes));
  }

  async extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    return this.#openedIfAny(await this.#inner.extend(sessionId, ttl));
  }

  remove(sessionId: string): Promise<boolean> {
    return this.#inner.remove(sessionId);
  }

  async put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    const { custom = {} } = record;
    return this.#opened(await this.#inner.put(sessionId, { ...record, custom: this.#given(sessionId, custom) }));
  }

  async broadcast(id: string): Promise<string | undefined> {
    const kept = await this.#inner.broadcast(id);
    if (kept === undefined || kept.startsWith('{')) return kept;
    const opened = this.#seal.open(BROADCASTS, id, kept);
    if (opened.fault === undefined) return opened.text;
    this.#onUnreadable(opened.fault, BROADCASTS);
    return undefined;
  }

  keepBroadcast(id: string, json: string): Promise<void> {
    return this.#inner.keepBroadcast(id, this.#seal.seals ? this.#seal.seal(BROADCASTS, id, json, true) : json);
  }

  /** Custom data that a caller gives. @throws {RangeError} when a field has a reserved name, or that of a sealed one */
  #given(sessionId: string, custom: CustomData): CustomData {
    refuseReserved(custom);
    const reserved = Object.keys(custom).find(isSealedField);
    if (reserved !== undefined) throw new RangeError(`data.${reserved} is reserved: encrypted fields have such names`);
    return sealCustom(this.#seal, sessionId, custom);
  }

  #openedIfAny(session: StoredSession | undefined): StoredSession | undefined {
    return session && this.#opened(session);
  }

  #opened(session: StoredSession): StoredSession {
    const custom = openCustom(this.#seal, session.sessionId, session.custom, this.#onUnreadable);
    return custom === session.custom ? session : { ...session, custom };
  }
}
