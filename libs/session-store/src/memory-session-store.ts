import { randomBytes } from 'node:crypto';
import { isSessionId } from '@holdfast/protocol';
import { healLog, joinHistories } from './histories.js';
import { liveChannel } from './keys.js';
import { encodeSessionEvent, encodeStored, storedFrame } from './live-payload.js';
import type { Position } from '@holdfast/protocol';
import type {
  AppendedMessage,
  AppendRequest,
  AppendResult,
  CustomData,
  EpochEnd,
  ForkRequest,
  ForkResult,
  HealRequest,
  HealResult,
  LogEntry,
  LogRead,
  NewMessage,
  OpenOptions,
  OpenResult,
  ReadRange,
  SessionDirectory,
  SessionLog,
  SessionPage,
  StoredSession,
} from './port.js';
import { newEpoch, renderCustom, type SessionState } from './session-json.js';

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

interface MemorySession {
  state: Mutable<SessionState>;
  log: LogEntry[];
  /** Unix milliseconds. */
  deadline: number;
}

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

  constructor(options: MemorySessionStoreOptions) {
    this.#live = options.live;
    this.#defaultTtl = options.defaultTtl ?? 3600;
    this.#historyMax = options.historyMax ?? 1000;
    this.#now = options.now ?? Date.now;
    this.#nonce = options.nonce ?? (() => randomBytes(4).toString('hex'));
  }

  async open(sessionId: string, options: OpenOptions = {}): Promise<OpenResult | 'deleted' | 'gone'> {
    const found = this.#find(sessionId);
    if (!found && this.#endOf(sessionId, options.resumeEpoch) === 'deleted') return 'deleted';
    if (!found && options.known) return 'gone';
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
      return { outcome: 'gone', ...this.#ended(sessionId, position.epoch) };
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
    if (stored.length > 0) subscribers = this.#publishStored(sessionId, before, stored);
    const { epoch, ttl } = state;
    return { outcome: 'stored', epoch, ttl, created: !found, subscribers, messages };
  }

  async read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead> {
    const session = this.#find(sessionId);
    const ended = session?.state.epoch === epoch ? {} : this.#ended(sessionId, epoch);
    if (!session) return { firstSeq: 0, entries: [], ...ended };
    const { log } = session;
    const entries =
      'from' in range
        ? log.filter((entry) => entry.seq >= range.from).slice(0, range.limit)
        : log.slice(Math.max(0, log.length - range.newest));
    return { session: this.#stored(sessionId, session), firstSeq: log[0]?.seq ?? 0, entries, ...ended };
  }

  async heal(sessionId: string, request: HealRequest): Promise<HealResult> {
    const { position, entries } = request;
    const found = this.#find(sessionId);
    if (found && found.state.epoch !== position.epoch) return { outcome: 'epoch' };
    const ended = found ? undefined : this.#endOf(sessionId, position.epoch);
    if (ended) return { outcome: ended };
    const session = found ?? this.#restored(sessionId, request);
    const { state, log } = session;
    const before = { epoch: state.epoch, seq: state.count, id: log.at(-1)?.id ?? '' };
    const healed = healLog(log, state.count, entries);
    if (!healed) return { outcome: 'forked' };
    this.#sessions.set(sessionId, session);
    session.log = healed.slice(-this.#historyMax);
    state.count = session.log.at(-1)?.seq ?? state.count;
    this.#publishStored(
      sessionId,
      before,
      session.log.filter((entry) => entry.seq > before.seq),
    );
    return { outcome: 'healed', count: state.count, firstSeq: session.log[0]?.seq ?? 0 };
  }

  async fork(sessionId: string, { seenEpoch, samePast, entries }: ForkRequest): Promise<ForkResult> {
    const session = this.#find(sessionId);
    if (!session) return { outcome: 'gone' };
    const { state } = session;
    if (state.epoch !== seenEpoch) return { outcome: 'epoch' };
    session.log = joinHistories(session.log, state.count, entries, samePast).slice(-this.#historyMax);
    state.count = Math.max(state.count, session.log.at(-1)?.seq ?? 0);
    state.retried = state.count;
    state.epoch = newEpoch(this.#now() * 1000, this.#nonce(), seenEpoch);
    this.#tell(sessionId, encodeSessionEvent({ event: 'epoch', epoch: state.epoch }));
    return { outcome: 'forked', epoch: state.epoch };
  }

  async bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    const session = this.#find(sessionId);
    const back = session?.state.epoch === epoch;
    if (back) this.#sessions.delete(sessionId);
    if (back || !session) this.#tombstones.set(sessionId, { epoch, deadline: this.#now() + keepMs });
    return back;
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
    const seen = this.#duplicatesOf(session, request);
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

  /** Names and numbers of kept messages that this request may repeat (A4). */
  #duplicatesOf(session: MemorySession, request: AppendRequest): Map<string, number> {
    const { state, log } = session;
    const starts: number[] = [];
    const heard = request.position?.epoch ? request.position.seq : 0;
    if (state.retried > heard) starts.push(heard);
    for (const { retry } of request.messages) {
      if (retry === 'anywhere') starts.push(0);
      else if (retry) starts.push(isKept(session, retry.epoch, retry.seq, retry.id) ? retry.seq : 0);
    }
    const seen = new Map<string, number>();
    if (starts.length === 0) return seen;
    const from = Math.min(...starts);
    for (const entry of log) {
      const name = nameOf(entry);
      if (entry.seq >= from && name !== undefined) seen.set(name, entry.seq);
    }
    return seen;
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
    return session;
  }

  #refresh(session: MemorySession): void {
    session.deadline = this.#now() + session.state.ttl * 1000;
  }

  #stored(sessionId: string, session: MemorySession): StoredSession {
    const { retried: _storeOnly, ...record } = session.state;
    return { ...record, custom: storedCustom(record.custom), sessionId, remainingMs: session.deadline - this.#now() };
  }

  #publishStored(sessionId: string, before: Position, entries: readonly LogEntry[]): number {
    if (entries.length === 0) return 0;
    const lines = entries.map(({ seq, id, senderKey, body }) => ({ senderKey, frame: storedFrame(seq, id, body) }));
    return this.#live.publish(liveChannel(sessionId), encodeStored(before, lines));
  }

  /** A session as its members knew it, with the time it had left (G2). */
  #restored(sessionId: string, { position, session, entries }: HealRequest): MemorySession {
    const first = entries[0];
    const state = {
      count: first ? first.seq - 1 : position.seq,
      lastActivity: this.#now() / 1000,
      custom: storedCustom(session.custom),
      createdAt: session.createdAt,
      ttl: session.ttl,
      epoch: position.epoch,
      retried: position.seq,
    };
    this.#sessions.delete(sessionId);
    return { state, log: [], deadline: this.#now() + session.remainingMs };
  }

  #ended(sessionId: string, epoch: string | undefined): { ended?: EpochEnd } {
    const ended = this.#endOf(sessionId, epoch);
    return ended ? { ended } : {};
  }

  /** Memory is never corrupt, so nothing but a deletion ends an epoch by a tombstone. */
  #endOf(sessionId: string, epoch: string | undefined): EpochEnd | undefined {
    return epoch !== undefined && this.#deletedEpoch(sessionId) === epoch ? 'deleted' : undefined;
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

/** What a message is recognised by (A4); nobody's messages are never recognised. */
function nameOf(message: NewMessage | LogEntry): string | undefined {
  return message.senderKey === '' ? undefined : `${message.senderKey} ${message.id}`;
}

function isKept(session: MemorySession, epoch: string, seq: number, id: string): boolean {
  if (epoch !== session.state.epoch) return false;
  return session.log.some((entry) => entry.seq === seq && entry.id === id);
}

/** As Redis would give it back. @throws {RangeError} when a field is reserved */
function storedCustom(custom: CustomData): CustomData {
  return JSON.parse(`{${renderCustom(custom).slice(1)}}`) as CustomData;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
