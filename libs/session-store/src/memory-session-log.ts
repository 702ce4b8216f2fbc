import {
  DEFAULT_MESSAGE_HISTORY_MAX,
  DEFAULT_SESSION_MAX_BYTES,
  HISTORY_READ_MAX_BYTES,
  type Position,
} from '@holdfast/protocol';
import { duplicatesOf, healLog, joinHistories, shareEntry } from './histories.js';
import { type Names, namesOf } from './keys.js';
import { encodeSessionEvent, encodeStored, type SessionEvent } from './live-payload.js';
import { addToSize, entryBytes, type LogBounds, trimLog } from './log-bounds.js';
import {
  emptySize,
  type MemorySession,
  MemorySessions,
  type MemorySessionsOptions,
  storedCustom,
} from './memory-sessions.js';
import { bodyOf, headOf, messageName, storedFrame } from './message-format.js';
import type {
  AppendedMessage,
  AppendRequest,
  AppendResult,
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
} from './port.js';

/** The part of a fan-out that the memory store publishes to. */
export interface LiveChannels {
  /** @returns the number of subscribers */
  publish(channel: string, payload: Buffer): number;
  /** The number of subscribers. */
  subscribers(channel: string): number;
}

export interface MemorySessionStoreOptions extends MemorySessionsOptions {
  readonly live: LiveChannels;
  /** Of the channels (K7). Default: those of database 0, without a prefix. */
  readonly names?: Names;
  /** Messages kept per session (K2). Default 1000. */
  readonly historyMax?: number;
  /** Bytes kept per session (K2). Default 16 MiB. */
  readonly sessionMaxBytes?: number;
}

/** Most messages that a heal publishes, as in `heal-2.lua`: whoever missed more reads the log. */
const HEALED_PUBLISHED_MAX = 50;

/** {@link SessionLog} in this process. Every method does what the script of its name does in Redis. */
export class MemorySessionLog implements SessionLog {
  protected readonly sessions: MemorySessions;
  readonly #live: LiveChannels;
  readonly #names: Names;
  readonly #bounds: LogBounds;

  constructor(options: MemorySessionStoreOptions) {
    this.sessions = new MemorySessions(options);
    this.#live = options.live;
    this.#names = options.names ?? namesOf();
    this.#bounds = {
      entries: options.historyMax ?? DEFAULT_MESSAGE_HISTORY_MAX,
      bytes: options.sessionMaxBytes ?? DEFAULT_SESSION_MAX_BYTES,
    };
  }

  /** Sessions and tombstones in memory, expired or not. */
  get size(): number {
    return this.sessions.size;
  }

  async open(sessionId: string, options: OpenOptions = {}): Promise<OpenResult | 'deleted' | 'gone'> {
    const { sessions } = this;
    const found = sessions.find(sessionId);
    const { resumeEpoch } = options;
    if (!found && resumeEpoch && sessions.deletedEpoch(sessionId) === resumeEpoch) return 'deleted';
    if (!found && options.known) return 'gone';
    const session = found ?? sessions.create(sessionId);
    delete session.state.disconnectedAt;
    sessions.refresh(session);
    return { session: sessions.stored(sessionId, session), created: found === undefined };
  }

  async append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    const { sessions } = this;
    const found = sessions.find(sessionId);
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
    const session = found ?? sessions.create(sessionId);
    const { state } = session;
    const before = { epoch: state.epoch, seq: state.count, id: session.log.at(-1)?.id ?? '' };
    const { messages, entries } = this.#add(session, request);
    state.lastActivity = sessions.now() / 1000;
    sessions.refresh(session);
    const subscribers = this.#publishStored(sessionId, before, entries);
    const { epoch, ttl } = state;
    return { outcome: 'stored', epoch, ttl, created: !found, subscribers, messages };
  }

  async read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead> {
    const session = this.sessions.find(sessionId);
    const ended = session?.state.epoch === epoch ? {} : this.#ended(sessionId, epoch);
    if (!session) return { firstSeq: 0, entries: [], ...ended };
    const { log, size } = session;
    const entries = entriesWithin(log, range);
    const isLast = entries.length === 0 || entries.at(-1) === log.at(-1);
    const more = isLast ? {} : { more: true as const };
    const firstSeq = log[0]?.seq ?? 0;
    const trimmed = size.trimmedSeq > 0 ? { trimmedSeq: size.trimmedSeq } : {};
    return { session: this.sessions.stored(sessionId, session), firstSeq, entries, ...more, ...trimmed, ...ended };
  }

  async heal(sessionId: string, request: HealRequest): Promise<HealResult> {
    const { position, entries } = request;
    const found = this.sessions.find(sessionId);
    if (found && found.state.epoch !== position.epoch) return { outcome: 'epoch' };
    const ended = found ? undefined : this.sessions.endOf(sessionId, position.epoch);
    if (ended) return { outcome: ended };
    const session = found ?? this.#restored(request);
    const { state } = session;
    const healed = healLog(session.log, state.count, entries);
    if (!healed) return { outcome: 'forked' };
    const known = session.log.at(-1)?.seq ?? 0;
    const firstNew = state.count + 1;
    const oldest = session.log[0]?.seq ?? firstNew;
    this.sessions.set(sessionId, session);
    this.#replaceLog(session, healed, session.size.trimmedSeq);
    state.count = session.log.at(-1)?.seq ?? state.count;
    const isMore = state.count >= firstNew || (session.log[0]?.seq ?? oldest) < oldest;
    if (isMore) state.retried = state.count;
    const from = Math.max(firstNew, state.count - HEALED_PUBLISHED_MAX + 1);
    const before = known > 0 && from === firstNew ? healed.find(({ seq }) => seq === known) : undefined;
    const { id = '' } = before ?? healed.find(({ seq }) => seq === from - 1) ?? {};
    const news = healed.filter(({ seq }) => seq >= from);
    this.#publishStored(sessionId, { epoch: state.epoch, seq: from - 1, id }, news);
    return { outcome: 'healed', count: state.count, firstSeq: session.log[0]?.seq ?? 0 };
  }

  async fork(sessionId: string, request: ForkRequest): Promise<ForkResult> {
    const { seenEpoch, session: seen, seq, entries } = request;
    const session = this.sessions.find(sessionId);
    if (!session) return { outcome: 'gone' };
    const { state, log } = session;
    if (state.epoch !== seenEpoch) return { outcome: 'epoch' };
    const samePast = request.samePast || shareEntry(log, entries);
    const joined = joinHistories(log, state.count, entries, seq, this.#bounds, samePast);
    this.#replaceLog(session, joined, 0);
    state.count = Math.max(state.count, seq, session.log.at(-1)?.seq ?? 0);
    if (!samePast) {
      state.createdAt = seen.createdAt;
      state.ttl = seen.ttl;
      if (Object.keys(state.custom).length === 0) state.custom = storedCustom(seen.custom);
    }
    state.retried = state.count;
    state.epoch = this.sessions.newEpoch(seenEpoch);
    this.publishEvent(sessionId, { event: 'epoch', epoch: state.epoch });
    return { outcome: 'forked', epoch: state.epoch };
  }

  async bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    const { sessions } = this;
    const session = sessions.find(sessionId);
    const back = session !== undefined && session.state.epoch <= epoch;
    if (back) sessions.drop(sessionId);
    // The tombstone of a later epoch stays: epochs sort.
    const isNewest = epoch >= (sessions.deletedEpoch(sessionId) ?? '');
    if ((back || !session) && isNewest) sessions.rememberDeleted(sessionId, epoch, keepMs);
    return back;
  }

  async leave(sessionId: string): Promise<void> {
    const session = this.sessions.find(sessionId);
    if (!session) return;
    const subscribers = this.#live.subscribers(this.#names.liveChannel(sessionId));
    if (subscribers === 0) session.state.disconnectedAt = this.sessions.now() / 1000;
    this.sessions.refresh(session);
  }

  async broadcast(id: string): Promise<string | undefined> {
    return this.sessions.broadcast(id);
  }

  protected publishEvent(sessionId: string, event: SessionEvent): void {
    this.#live.publish(this.#names.liveChannel(sessionId), Buffer.from(encodeSessionEvent(event)));
  }

  /** Adds messages to a log. @returns what became of each, and the entries of those that are new */
  #add(session: MemorySession, request: AppendRequest): { messages: AppendedMessage[]; entries: LogEntry[] } {
    const { state, log } = session;
    const byName = duplicatesOf(state, log, request);
    const entries: LogEntry[] = [];
    const messages = request.messages.map((message): AppendedMessage => {
      const { id, senderKey, head, retry } = message;
      const earlier = senderKey === '' ? undefined : byName.get(messageName(message));
      if (earlier) {
        const repeated: AppendedMessage = { seq: earlier.seq, duplicate: true };
        return headOf(earlier.body) === head ? repeated : { ...repeated, isConflict: true };
      }
      state.count += 1;
      const entry = { seq: state.count, id, senderKey, body: bodyOf(head, this.sessions.now()) };
      log.push(entry);
      byName.set(messageName(message), entry);
      if (retry !== undefined) state.retried = entry.seq;
      entries.push(entry);
      return { seq: entry.seq, duplicate: false };
    });
    addToSize(session.size, entries, this.#bounds);
    trimLog(log, session.size, this.#bounds);
    return { messages, entries };
  }

  /** @param trimmedSeq see {@link LogSize} */
  #replaceLog(session: MemorySession, log: readonly LogEntry[], trimmedSeq: number): void {
    session.log = [...log];
    Object.assign(session.size, emptySize(), { trimmedSeq });
    addToSize(session.size, log, this.#bounds);
    trimLog(session.log, session.size, this.#bounds);
  }

  /** @returns the number of subscribers, 0 when there are no entries */
  #publishStored(sessionId: string, before: Position, entries: readonly LogEntry[]): number {
    if (entries.length === 0) return 0;
    const lines = entries.map(({ seq, id, senderKey, body }) => ({ senderKey, frame: storedFrame(seq, id, body) }));
    return this.#live.publish(this.#names.liveChannel(sessionId), encodeStored(before, lines));
  }

  /** The session as its members knew it, with the time it had left (G2). */
  #restored({ position, session, entries }: HealRequest): MemorySession {
    const first = entries[0];
    const state = {
      count: first ? first.seq - 1 : position.seq,
      lastActivity: this.sessions.now() / 1000,
      custom: storedCustom(session.custom),
      createdAt: session.createdAt,
      ttl: session.ttl,
      epoch: position.epoch,
      retried: position.seq,
    };
    return { state, log: [], size: emptySize(), deadline: this.sessions.now() + session.remainingMs };
  }

  #ended(sessionId: string, epoch: string | undefined): { ended?: EpochEnd } {
    const ended = this.sessions.endOf(sessionId, epoch);
    return ended ? { ended } : {};
  }
}

/** The entries of a range, as far as they have at most so many bytes, but so many entries at least. */
function entriesWithin(log: readonly LogEntry[], range: ReadRange): LogEntry[] {
  const { maxBytes = HISTORY_READ_MAX_BYTES, least = 1 } = range;
  const isUpwards = 'from' in range;
  const inOrder = isUpwards
    ? log.filter((entry) => entry.seq >= range.from).slice(0, range.limit)
    : log.slice(Math.max(0, log.length - range.newest)).reverse();
  let bytes = 0;
  const end = inOrder.findIndex((entry, index) => {
    bytes += entryBytes(entry);
    return index >= least && bytes > maxBytes;
  });
  const entries = end < 0 ? inOrder : inOrder.slice(0, end);
  return isUpwards ? entries : entries.reverse();
}
