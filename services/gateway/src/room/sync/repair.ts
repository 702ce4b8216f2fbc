import type { Position } from '@holdfast/protocol';
import {
  type HealResult,
  headOf,
  isFullOfBytes,
  type LiveMessage,
  type LogBounds,
  type LogRead,
  liveMessageOf,
  logEntryOf,
  messageBytes,
  messageName,
  type SessionLog,
  type StoredSession,
  splitAtHoles,
} from '@holdfast/session-store';
import type { Clock } from '../../ports/clock.js';
import type { Reporter } from '../../shared/reporter.js';
import type { Audience } from '../delivery/audience.js';
import type { DeliveredHistory } from '../delivery/delivered-history.js';
import type { Tail } from '../delivery/tail.js';

/** What a repair uses of its gateway. */
export interface RepairContext {
  readonly clock: Clock;
  readonly log: SessionLog;
  readonly reporter: Reporter;
  /** Of a session's log. */
  readonly logBounds: LogBounds;
}

/** What a repair reads of its room, and has it do. */
export interface RepairedRoom {
  readonly delivered: DeliveredHistory;
  readonly audience: Audience;
  readonly expiry: { readonly ttl: number; readonly remainingMs: number };
  /** Changes the position without delivering. */
  moveTo(position: Position | undefined, firstSeq: number): void;
}

/** Most entries, and most bytes of them, that one script call gets; one entry at least. */
const CHUNK = 200;
const CHUNK_BYTES = 1_048_576;

/** What a room does about a Redis that has less, or something else, than was delivered (G1). */
export class Repair {
  readonly #room: RepairedRoom;
  readonly #context: RepairContext;

  constructor(room: RepairedRoom, context: RepairContext) {
    this.#room = room;
    this.#context = context;
  }

  /**
   * Puts back from the tail what Redis lacks (G2).
   *
   * @param count messages that Redis has; absent: it has no session
   * @returns `hole` when the tail does not reach back to what Redis has: then nobody knows whether the two share a past
   */
  async heal(position: Position, count: number | undefined): Promise<HealResult['outcome'] | 'hole'> {
    const { tail, sessionId } = this.#room.delivered;
    // Into nothing the newest go first: whoever writes meanwhile goes on from the right number.
    let from = count === undefined ? Math.max(tail.firstSeq, position.seq - CHUNK + 1) : Math.max(tail.firstSeq, count);
    if (count !== undefined && count > 0 && from > count) return 'hole';
    const next = tail.from(from, CHUNK) ?? [];
    const first = count === undefined ? newestWithin(next) : oldestWithin(next);
    from = first[0]?.seq ?? from;
    let result = await this.#put(position, first);
    while (result.outcome === 'healed' && result.count < position.seq) {
      if (result.count < from) return 'hole';
      from = result.count + 1;
      result = await this.#put(position, oldestWithin(tail.from(from, CHUNK) ?? []));
    }
    if (result.outcome !== 'healed') return result.outcome;
    const { outcome } = await this.prepend(position, result.firstSeq);
    if (outcome === 'healed') this.#context.reporter.healed(sessionId, position.seq);
    return outcome;
  }

  /**
   * Puts the tail's older messages before those that the log still has (G2).
   *
   * @param firstKept the log's oldest number; 0 when it is empty
   * @returns `healed` with the oldest number that the log has then
   */
  async prepend(position: Position, firstKept: number): Promise<HealResult> {
    const { tail } = this.#room.delivered;
    let result: HealResult = { outcome: 'healed', count: position.seq, firstSeq: firstKept };
    let first = firstKept === 0 ? position.seq + 1 : firstKept;
    while (tail.firstSeq !== 0 && tail.firstSeq < first) {
      const from = Math.max(tail.firstSeq, first - CHUNK);
      result = await this.#put(position, newestWithin(tail.from(from, first - from) ?? []));
      if (result.outcome !== 'healed') return result;
      // Beyond the log's bounds nothing is kept (K2).
      if (result.firstSeq >= first || result.firstSeq === 0) break;
      first = result.firstSeq;
    }
    return result;
  }

  /**
   * Joins what was delivered with what Redis has, under a new epoch (G4).
   *
   * @param samePast whether the log's entries below ours belong to the same past
   */
  async fork(seenEpoch: string, samePast: boolean): Promise<void> {
    const { sessionId, seq } = this.#room.delivered;
    const entries = this.#deliveredMessages().map(logEntryOf);
    const request = { seenEpoch, samePast, session: this.#session(), seq, entries };
    const result = await this.#context.log.fork(sessionId, request);
    if (result.outcome === 'forked') this.#context.reporter.forked(sessionId, result.epoch);
  }

  /**
   * Takes the log in place of what was delivered (G4): first stores again what the log lacks, then tells members from
   * which number on their history may differ.
   *
   * @param keep whether messages that the log lacks are stored again
   * @returns false when the session changed meanwhile
   */
  async adopt(session: StoredSession, keep: boolean): Promise<boolean> {
    const room = this.#room;
    const { delivered } = room;
    const { position } = delivered;
    const log = await this.readAll(session.epoch);
    if (!log || delivered.position !== position) return false;
    const newest = log.at(-1);
    const end = { epoch: session.epoch, seq: newest?.seq ?? session.count, id: newest?.id ?? '' };
    const messages = this.#deliveredMessages();
    const lacking = keep ? lackingOf(messages, log, this.#context.logBounds) : [];
    room.audience.noteHad(lacking);
    if (!(await this.#store(lacking, end))) return false;
    if (delivered.position !== position) return false;
    const shared = log.findIndex((entry) => isShared(delivered.tail, entry));
    const from = firstDifference(delivered, log, shared);
    // A plain member has had what stands below the tail, under whichever number.
    const had = [...messages, ...log.slice(0, Math.max(0, shared))].map(messageName);
    room.moveTo(end, log[0]?.seq ?? 0);
    delivered.noteFirstSeq(log[0]?.seq ?? 0, session.count);
    delivered.refill(splitAtHoles(log).at(-1) ?? []);
    room.audience.restartAll(session.epoch, from, new Set(had));
    return true;
  }

  async #put(position: Position, messages: readonly LiveMessage[]): Promise<HealResult> {
    const session = { ...this.#session(), remainingMs: this.#room.expiry.remainingMs };
    const entries = messages.map(logEntryOf);
    return this.#context.log.heal(this.#room.delivered.sessionId, { position, session, entries });
  }

  #session(): Pick<StoredSession, 'createdAt' | 'custom' | 'ttl'> {
    const { delivered, expiry } = this.#room;
    const { createdAt = this.#context.clock.now() / 1000, custom = {} } = delivered.session ?? {};
    return { createdAt, custom, ttl: expiry.ttl };
  }

  #deliveredMessages(): LiveMessage[] {
    const { tail } = this.#room.delivered;
    return tail.from(tail.firstSeq, this.#context.logBounds.entries) ?? [];
  }

  /**
   * Reads the whole log.
   *
   * @param first what was read of it already, from its oldest entry on
   * @returns its messages as a tail keeps them; `undefined` when the session has another epoch by now
   */
  async readAll(epoch: string, first?: LogRead): Promise<LiveMessage[] | undefined> {
    const messages: LiveMessage[] = [];
    for (let read = first; ; ) {
      read ??= await this.#context.log.read(this.#room.delivered.sessionId, {
        from: (messages.at(-1)?.seq ?? 0) + 1,
        limit: CHUNK,
      });
      if (read.session?.epoch !== epoch) return undefined;
      for (const entry of read.entries) messages.push(liveMessageOf(entry));
      if (!read.more) return messages;
      read = undefined;
    }
  }

  /** Stores messages again, marked as repeated. @returns false when the session changed meanwhile */
  async #store(lacking: readonly LiveMessage[], end: Position): Promise<boolean> {
    for (let at = 0; at < lacking.length; ) {
      const chunk = oldestWithin(lacking.slice(at, at + CHUNK));
      at += chunk.length;
      const messages = chunk.map((message) => {
        const { id, senderKey, body } = logEntryOf(message);
        return { id, senderKey, head: headOf(body), retry: 'anywhere' as const };
      });
      const result = await this.#context.log.append(this.#room.delivered.sessionId, { position: end, messages });
      if (result.outcome !== 'stored') return false;
    }
    return true;
  }
}

/** As many of the first messages as one script call gets. */
function oldestWithin(messages: readonly LiveMessage[]): readonly LiveMessage[] {
  let bytes = 0;
  const end = messages.findIndex((message, index) => {
    bytes += messageBytes(message);
    return index > 0 && bytes > CHUNK_BYTES;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

/** As many of the last messages as one script call gets. */
function newestWithin(messages: readonly LiveMessage[]): readonly LiveMessage[] {
  return oldestWithin(messages.toReversed()).toReversed();
}

/**
 * The delivered messages that the log does not have. Where the log is full, messages before the first that both have
 * were trimmed, not lost.
 */
function lackingOf(delivered: readonly LiveMessage[], log: readonly LiveMessage[], bounds: LogBounds): LiveMessage[] {
  const kept = new Set(log.map(messageName));
  const shared = delivered.findIndex((message) => kept.has(messageName(message)));
  const older = delivered.slice(0, Math.max(0, shared));
  const isFull = log.length >= bounds.entries || isFullOfBytes(log.map(messageBytes), older.map(messageBytes), bounds);
  return delivered.slice(isFull ? older.length : 0).filter((message) => !kept.has(messageName(message)));
}

/**
 * Whether a message of the log was delivered under its number. The same message with another time was stored anew, by
 * chance under its old number: then what comes before it may differ.
 */
function isShared(tail: Tail, entry: LiveMessage): boolean {
  const had = tail.at(entry.seq);
  return had !== undefined && had.senderKey === entry.senderKey && had.frame.equals(entry.frame);
}

/**
 * The first number that members may have differently; the number after the log's end when the log has all they have.
 * Histories that share a message under its number share what comes before it, unless a fork over a hole has moved that
 * up to the hole's end: then the log begins at another number than it would by itself. Histories that share none share
 * nothing.
 *
 * @param shared index of the first log entry that was delivered under its number; -1: there is none
 */
function firstDifference(delivered: DeliveredHistory, log: readonly LiveMessage[], shared: number): number {
  const first = log[0]?.seq ?? 0;
  const end = log.at(-1)?.seq ?? 0;
  if (shared < 0) return 1;
  if (shared > 0 && first !== Math.max(delivered.firstSeq, end - delivered.bounds.entries + 1)) return first;
  return log.slice(shared).find((entry) => !isShared(delivered.tail, entry))?.seq ?? end + 1;
}
