import { randomBytes } from 'node:crypto';
import { isSessionId } from '@holdfast/protocol';
import { liveChannel } from './keys.js';
import { encodeSessionEvent, encodeStored, storedFrame } from './live-payload.js';
import { duplicatesOf, type MemorySession, nameOf } from './memory-session.js';
import type {
  AppendedMessage,
  AppendRequest,
  AppendResult,
  CustomData,
  LogEntry,
  LogRead,
  OpenResult,
  ReadRange,
  SessionDirectory,
  SessionLog,
  SessionPage,
  StoredSession,
} from './port.js';
import { newEpoch, renderCustom } from './session-json.js';

/** What the memory store needs of the fan-out it publishes to. */
export interface LiveChannels {
  /** @returns how many subscribers there are */
  publish(channel: string, payload: Buffer): number;
  subscribers(channel: string): number;
}

export interface MemorySessionStoreOptions {
  readonly live: LiveChannels;
  /** Seconds a new session lives after its last activity (T1). Default 3600. */
  readonly defaultTtl?: number;
  /** Messages kept per session (K2). Default 1000. */
  readonly historyMax?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly nonce?: () => string;
}

/** Sessions that may be kept before those nobody asked for again are looked for. */
const SWEEP_AT_LEAST = 1_000;

/** {@link SessionLog} and {@link SessionDirectory} in this process: for the embedded mode, tests and the simulation. */
export class MemorySessionStore implements SessionLog, SessionDirectory {
  readonly #sessions = new Map<string, MemorySession>();
  readonly #tombstones = new Map<string, { epoch: string; deadline: number }>();
  readonly #live: LiveChannels;
  readonly #defaultTtl: number;
  readonly #historyMax: number;
  readonly #now: () => number;
  readonly #nonce: () => string;
  /** Microseconds of the newest epoch: no two begin at the same time (G5). */
  #epochUs = 0;
  #sweepAt = SWEEP_AT_LEAST;

  constructor(options: MemorySessionStoreOptions) {
    this.#live = options.live;
    this.#defaultTtl = options.defaultTtl ?? 3600;
    this.#historyMax = options.historyMax ?? 1000;
    this.#now = options.now ?? Date.now;
    this.#nonce = options.nonce ?? (() => randomBytes(4).toString('hex'));
  }

  /** Sessions and tombstones that are held, expired or not. */
  get size(): number {
    return this.#sessions.size + this.#tombstones.size;
  }

  async open(sessionId: string, resumeEpoch?: string): Promise<OpenResult | 'deleted'> {
    const found = this.#find(sessionId);
    if (!found && resumeEpoch && this.#deletedEpoch(sessionId) === resumeEpoch) return 'deleted';
    const session = found ?? this.#add(sessionId, {});
    delete session.state.disconnectedAt;
    this.#refresh(session);
    return { session: this.#stored(sessionId, session), created: found === undefined };
  }

  async append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    const found = this.#find(sessionId);
    // An empty epoch is no position: its room has delivered nothing (G3).
    const position = request.position?.epoch ? request.position : undefined;
    if (position && !found) {
      const deletedEpoch = this.#deletedEpoch(sessionId);
      return deletedEpoch === undefined ? { outcome: 'gone' } : { outcome: 'gone', deletedEpoch };
    }
    if (position && found) {
      if (position.epoch !== found.state.epoch) return { outcome: 'epoch' };
      if (position.seq > found.state.count) return { outcome: 'behind' };
      const known = found.log.find((entry) => entry.seq === position.seq);
      if (known && known.id !== position.id) return { outcome: 'forked' };
    }
    const session = found ?? this.#add(sessionId, {});
    const { state } = session;
    const before = { epoch: state.epoch, seq: state.count, id: session.log.at(-1)?.id ?? '' };
    const stored: LogEntry[] = [];
    const messages = this.#store(session, request, stored);
    state.lastActivity = this.#now() / 1000;
    this.#refresh(session);
    let subscribers = 0;
    if (stored.length > 0) {
      const lines = stored.map((entry) => ({
        senderKey: entry.senderKey,
        frame: storedFrame(entry.seq, entry.id, entry.body),
      }));
      subscribers = this.#live.publish(liveChannel(sessionId), encodeStored(before, lines));
    }
    const { epoch, ttl } = state;
    return { outcome: 'stored', epoch, ttl, created: !found, subscribers, messages };
  }

  async read(sessionId: string, range: ReadRange): Promise<LogRead> {
    const session = this.#find(sessionId);
    if (!session) {
      const deletedEpoch = this.#deletedEpoch(sessionId);
      return { firstSeq: 0, entries: [], ...(deletedEpoch === undefined ? {} : { deletedEpoch }) };
    }
    const { log } = session;
    const entries =
      'from' in range
        ? log.filter((entry) => entry.seq >= range.from).slice(0, range.limit)
        : log.slice(Math.max(0, log.length - range.newest));
    return { session: this.#stored(sessionId, session), firstSeq: log[0]?.seq ?? 0, entries };
  }

  async leave(sessionId: string): Promise<void> {
    const session = this.#find(sessionId);
    if (!session) return;
    if (this.#live.subscribers(liveChannel(sessionId)) === 0) session.state.disconnectedAt = this.#now() / 1000;
    this.#refresh(session);
  }

  async create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    if (this.#find(sessionId)) return undefined;
    return this.#stored(sessionId, this.#add(sessionId, options));
  }

  async get(sessionId: string): Promise<StoredSession | undefined> {
    const session = this.#find(sessionId);
    return session && this.#stored(sessionId, session);
  }

  /** The cursor is the last id of the page before. */
  async list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    const { limit, cursor = '', prefix = '' } = options;
    if (cursor !== '' && !isSessionId(cursor)) throw new RangeError('invalid cursor');
    const ids = [...this.#sessions.keys()].sort().filter((id) => id.startsWith(prefix) && id > cursor);
    const sessions: StoredSession[] = [];
    for (const id of ids) {
      const session = this.#find(id);
      if (!session) continue;
      if (sessions.length === limit) return { sessions, cursor: sessions.at(-1)?.sessionId ?? null };
      sessions.push(this.#stored(id, session));
    }
    return { sessions, cursor: null };
  }

  async merge(sessionId: string, custom: CustomData): Promise<StoredSession | undefined> {
    const session = this.#find(sessionId);
    if (!session) return undefined;
    session.state.custom = storedCustom({ ...session.state.custom, ...custom });
    return this.#stored(sessionId, session);
  }

  async extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    const session = this.#find(sessionId);
    if (!session) return undefined;
    if (ttl !== undefined) session.state.ttl = ttl;
    this.#refresh(session);
    this.#tell(sessionId, encodeSessionEvent({ event: 'extended', ttl: session.state.ttl }));
    return this.#stored(sessionId, session);
  }

  async remove(sessionId: string): Promise<boolean> {
    const session = this.#find(sessionId);
    if (!session) return false;
    this.#sessions.delete(sessionId);
    const { epoch, ttl } = session.state;
    this.#tombstones.set(sessionId, { epoch, deadline: this.#now() + ttl * 1000 });
    this.#tell(sessionId, encodeSessionEvent({ event: 'deleted', epoch }));
    return true;
  }

  async put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    const custom = storedCustom(record.custom ?? {});
    const session = this.#find(sessionId) ?? this.#add(sessionId, {});
    const { state } = session;
    state.count = session.log.at(-1)?.seq ?? record.count ?? 0;
    state.lastActivity = record.lastActivity ?? this.#now() / 1000;
    state.custom = custom;
    state.ttl = record.ttl ?? this.#defaultTtl;
    delete state.disconnectedAt;
    this.#refresh(session);
    return this.#stored(sessionId, session);
  }

  #store(session: MemorySession, request: AppendRequest, stored: LogEntry[]): AppendedMessage[] {
    const { state, log } = session;
    const seen = duplicatesOf(session, request);
    return request.messages.map((message) => {
      const name = nameOf(message);
      const earlier = name === undefined ? undefined : seen.get(name);
      if (earlier !== undefined) return { seq: earlier, duplicate: true };
      state.count += 1;
      const { id, senderKey } = message;
      const entry: LogEntry = { seq: state.count, id, senderKey, body: `${message.head}${Math.floor(this.#now())}}` };
      log.push(entry);
      if (log.length > this.#historyMax) log.shift();
      if (name !== undefined) seen.set(name, entry.seq);
      if (message.retry !== undefined) state.retried = entry.seq;
      stored.push(entry);
      return { seq: entry.seq, duplicate: false };
    });
  }

  #find(sessionId: string): MemorySession | undefined {
    const session = this.#sessions.get(sessionId);
    if (session && session.deadline <= this.#now()) {
      this.#sessions.delete(sessionId);
      return undefined;
    }
    return session;
  }

  #add(sessionId: string, options: { custom?: CustomData; ttl?: number }): MemorySession {
    const ms = this.#now();
    this.#epochUs = Math.max(ms * 1000, this.#epochUs + 1);
    const state = {
      count: 0,
      lastActivity: ms / 1000,
      custom: storedCustom(options.custom ?? {}),
      createdAt: ms / 1000,
      ttl: options.ttl ?? this.#defaultTtl,
      epoch: newEpoch(this.#epochUs, this.#nonce()),
      retried: 0,
    };
    const session: MemorySession = { state, log: [], deadline: ms + state.ttl * 1000 };
    this.#sessions.set(sessionId, session);
    if (this.size >= this.#sweepAt) this.#sweep();
    return session;
  }

  /** Drops what has expired (K5); the next time when as many have come as are left, so that it costs each little. */
  #sweep(): void {
    const now = this.#now();
    for (const kept of [this.#sessions, this.#tombstones]) {
      for (const [sessionId, { deadline }] of kept) if (deadline <= now) kept.delete(sessionId);
    }
    this.#sweepAt = Math.max(SWEEP_AT_LEAST, 2 * this.size);
  }

  #refresh(session: MemorySession): void {
    session.deadline = this.#now() + session.state.ttl * 1000;
  }

  #stored(sessionId: string, session: MemorySession): StoredSession {
    const { retried: _storeOnly, ...record } = session.state;
    return { ...record, custom: storedCustom(record.custom), sessionId, remainingMs: session.deadline - this.#now() };
  }

  #deletedEpoch(sessionId: string): string | undefined {
    const tombstone = this.#tombstones.get(sessionId);
    if (!tombstone) return undefined;
    if (tombstone.deadline > this.#now()) return tombstone.epoch;
    this.#tombstones.delete(sessionId);
    return undefined;
  }

  #tell(sessionId: string, payload: string): void {
    this.#live.publish(liveChannel(sessionId), Buffer.from(payload));
  }
}

/** As Redis would give it back. @throws {RangeError} when a field is reserved */
function storedCustom(custom: CustomData): CustomData {
  return JSON.parse(`{${renderCustom(custom).slice(1)}}`) as CustomData;
}
