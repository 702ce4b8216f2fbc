import { randomBytes } from 'node:crypto';
import type { Position } from '@holdfast/protocol';
import { healLog, joinHistories, shareEntry } from './histories.js';
import { liveChannel } from './keys.js';
import { encodeSessionEvent, encodeStored } from './live-payload.js';
import { duplicatesOf, type MemorySession, nameOf } from './memory-session.js';
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
  OpenOptions,
  OpenResult,
  ReadRange,
  SessionLog,
  StoredSession,
} from './port.js';
import { newEpoch, renderCustom } from './session-json.js';
import { storedFrame } from './stored-frame.js';

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
/** Most messages that a heal publishes, as `heal-2.lua`: whoever missed more reads the log. */
const HEALED_PUBLISHED = 50;

/** {@link SessionLog} in this process. */
export class MemorySessionLog implements SessionLog {
  protected readonly sessions = new Map<string, MemorySession>();
  protected readonly tombstones = new Map<string, { epoch: string; deadline: number }>();
  protected readonly defaultTtl: number;
  protected readonly now: () => number;
  readonly #live: LiveChannels;
  readonly #historyMax: number;
  readonly #nonce: () => string;
  /** Microseconds of the newest epoch: no two begin at the same time (G5). */
  #epochUs = 0;
  #sweepAt = SWEEP_AT_LEAST;

  constructor(options: MemorySessionStoreOptions) {
    this.#live = options.live;
    this.defaultTtl = options.defaultTtl ?? 3600;
    this.#historyMax = options.historyMax ?? 1000;
    this.now = options.now ?? Date.now;
    this.#nonce = options.nonce ?? (() => randomBytes(4).toString('hex'));
  }

  /** Sessions and tombstones that are held, expired or not. */
  get size(): number {
    return this.sessions.size + this.tombstones.size;
  }

  async open(sessionId: string, options: OpenOptions = {}): Promise<OpenResult | 'deleted' | 'gone'> {
    const found = this.find(sessionId);
    const { resumeEpoch } = options;
    if (!found && resumeEpoch && this.#deletedEpoch(sessionId) === resumeEpoch) return 'deleted';
    if (!found && options.known) return 'gone';
    const session = found ?? this.add(sessionId, {});
    delete session.state.disconnectedAt;
    this.refresh(session);
    return { session: this.stored(sessionId, session), created: found === undefined };
  }

  async append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    const found = this.find(sessionId);
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
    const session = found ?? this.add(sessionId, {});
    const { state } = session;
    const before = { epoch: state.epoch, seq: state.count, id: session.log.at(-1)?.id ?? '' };
    const stored: LogEntry[] = [];
    const messages = this.#store(session, request, stored);
    state.lastActivity = this.now() / 1000;
    this.refresh(session);
    let subscribers = 0;
    if (stored.length > 0) subscribers = this.#publishStored(sessionId, before, stored);
    const { epoch, ttl } = state;
    return { outcome: 'stored', epoch, ttl, created: !found, subscribers, messages };
  }

  async read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead> {
    const session = this.find(sessionId);
    const ended = session?.state.epoch === epoch ? {} : this.#ended(sessionId, epoch);
    if (!session) return { firstSeq: 0, entries: [], ...ended };
    const { log } = session;
    const entries =
      'from' in range
        ? log.filter((entry) => entry.seq >= range.from).slice(0, range.limit)
        : log.slice(Math.max(0, log.length - range.newest));
    return { session: this.stored(sessionId, session), firstSeq: log[0]?.seq ?? 0, entries, ...ended };
  }

  async heal(sessionId: string, request: HealRequest): Promise<HealResult> {
    const { position, entries } = request;
    const found = this.find(sessionId);
    if (found && found.state.epoch !== position.epoch) return { outcome: 'epoch' };
    const ended = found ? undefined : this.#endOf(sessionId, position.epoch);
    if (ended) return { outcome: ended };
    const session = found ?? this.#restored(request);
    const { state } = session;
    const healed = healLog(session.log, state.count, entries);
    if (!healed) return { outcome: 'forked' };
    const known = session.log.at(-1)?.seq ?? 0;
    const firstNew = state.count + 1;
    const isMore = healed.length > session.log.length;
    this.sessions.set(sessionId, session);
    session.log = healed.slice(-this.#historyMax);
    state.count = session.log.at(-1)?.seq ?? state.count;
    if (isMore) state.retried = state.count;
    const from = Math.max(firstNew, state.count - HEALED_PUBLISHED + 1);
    const before = known > 0 && from === firstNew ? healed.find(({ seq }) => seq === known) : undefined;
    const { id = '' } = before ?? healed.find(({ seq }) => seq === from - 1) ?? {};
    const news = healed.filter(({ seq }) => seq >= from);
    this.#publishStored(sessionId, { epoch: state.epoch, seq: from - 1, id }, news);
    return { outcome: 'healed', count: state.count, firstSeq: session.log[0]?.seq ?? 0 };
  }

  async fork(sessionId: string, request: ForkRequest): Promise<ForkResult> {
    const { seenEpoch, session: was, seq, entries } = request;
    const session = this.find(sessionId);
    if (!session) return { outcome: 'gone' };
    const { state, log } = session;
    if (state.epoch !== seenEpoch) return { outcome: 'epoch' };
    const samePast = request.samePast || shareEntry(log, entries);
    const joined = joinHistories(log, state.count, entries, seq, this.#historyMax, samePast);
    session.log = joined.slice(-this.#historyMax);
    state.count = Math.max(state.count, seq, session.log.at(-1)?.seq ?? 0);
    if (!samePast) {
      state.createdAt = was.createdAt;
      state.ttl = was.ttl;
      if (Object.keys(state.custom).length === 0) state.custom = storedCustom(was.custom);
    }
    state.retried = state.count;
    this.#epochUs = Math.max(this.now() * 1000, this.#epochUs + 1);
    state.epoch = newEpoch(this.#epochUs, this.#nonce(), seenEpoch);
    this.tell(sessionId, encodeSessionEvent({ event: 'epoch', epoch: state.epoch }));
    return { outcome: 'forked', epoch: state.epoch };
  }

  async bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    const session = this.find(sessionId);
    const back = session !== undefined && session.state.epoch <= epoch;
    if (back) this.sessions.delete(sessionId);
    // The newer deletion stays: epochs sort.
    const isNewest = epoch >= (this.#deletedEpoch(sessionId) ?? '');
    if ((back || !session) && isNewest) this.tombstones.set(sessionId, { epoch, deadline: this.now() + keepMs });
    return back;
  }

  async leave(sessionId: string): Promise<void> {
    const session = this.find(sessionId);
    if (!session) return;
    if (this.#live.subscribers(liveChannel(sessionId)) === 0) session.state.disconnectedAt = this.now() / 1000;
    this.refresh(session);
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
      const entry: LogEntry = { seq: state.count, id, senderKey, body: `${message.head}${Math.floor(this.now())}}` };
      log.push(entry);
      if (log.length > this.#historyMax) log.shift();
      if (name !== undefined) seen.set(name, entry.seq);
      if (message.retry !== undefined) state.retried = entry.seq;
      stored.push(entry);
      return { seq: entry.seq, duplicate: false };
    });
  }

  protected find(sessionId: string): MemorySession | undefined {
    const session = this.sessions.get(sessionId);
    if (session && session.deadline <= this.now()) {
      this.sessions.delete(sessionId);
      return undefined;
    }
    return session;
  }

  protected add(sessionId: string, options: { custom?: CustomData; ttl?: number }): MemorySession {
    const ms = this.now();
    this.#epochUs = Math.max(ms * 1000, this.#epochUs + 1);
    const state = {
      count: 0,
      lastActivity: ms / 1000,
      custom: storedCustom(options.custom ?? {}),
      createdAt: ms / 1000,
      ttl: options.ttl ?? this.defaultTtl,
      epoch: newEpoch(this.#epochUs, this.#nonce()),
      retried: 0,
    };
    const session: MemorySession = { state, log: [], deadline: ms + state.ttl * 1000 };
    this.sessions.set(sessionId, session);
    if (this.size >= this.#sweepAt) this.#sweep();
    return session;
  }

  /** Drops what has expired (K5); the next time when as many have come as are left, so that it costs each little. */
  #sweep(): void {
    const now = this.now();
    for (const kept of [this.sessions, this.tombstones]) {
      for (const [sessionId, { deadline }] of kept) if (deadline <= now) kept.delete(sessionId);
    }
    this.#sweepAt = Math.max(SWEEP_AT_LEAST, 2 * this.size);
  }

  protected refresh(session: MemorySession): void {
    session.deadline = this.now() + session.state.ttl * 1000;
  }

  protected stored(sessionId: string, session: MemorySession): StoredSession {
    const { retried: _storeOnly, ...record } = session.state;
    return { ...record, custom: storedCustom(record.custom), sessionId, remainingMs: session.deadline - this.now() };
  }

  #publishStored(sessionId: string, before: Position, entries: readonly LogEntry[]): number {
    if (entries.length === 0) return 0;
    const lines = entries.map(({ seq, id, senderKey, body }) => ({ senderKey, frame: storedFrame(seq, id, body) }));
    return this.#live.publish(liveChannel(sessionId), encodeStored(before, lines));
  }

  /** A session as its members knew it, with the time it had left (G2). */
  #restored({ position, session, entries }: HealRequest): MemorySession {
    const first = entries[0];
    const state = {
      count: first ? first.seq - 1 : position.seq,
      lastActivity: this.now() / 1000,
      custom: storedCustom(session.custom),
      createdAt: session.createdAt,
      ttl: session.ttl,
      epoch: position.epoch,
      retried: position.seq,
    };
    return { state, log: [], deadline: this.now() + session.remainingMs };
  }

  #ended(sessionId: string, epoch: string | undefined): { ended?: EpochEnd } {
    const ended = this.#endOf(sessionId, epoch);
    return ended ? { ended } : {};
  }

  /** Memory is never corrupt, so nothing but a deletion ends an epoch by a tombstone. */
  #endOf(sessionId: string, epoch: string | undefined): EpochEnd | undefined {
    return epoch && epoch <= (this.#deletedEpoch(sessionId) ?? '') ? 'deleted' : undefined;
  }

  #deletedEpoch(sessionId: string): string | undefined {
    const tombstone = this.tombstones.get(sessionId);
    if (!tombstone) return undefined;
    if (tombstone.deadline > this.now()) return tombstone.epoch;
    this.tombstones.delete(sessionId);
    return undefined;
  }

  protected tell(sessionId: string, payload: string): void {
    this.#live.publish(liveChannel(sessionId), Buffer.from(payload));
  }
}

/** As Redis would give it back. @throws {RangeError} when a field is reserved */
export function storedCustom(custom: CustomData): CustomData {
  return JSON.parse(`{${renderCustom(custom).slice(1)}}`) as CustomData;
}
