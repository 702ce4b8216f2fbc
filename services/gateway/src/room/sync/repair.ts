import type { Position } from '@holdfast/protocol';
import {
  type HealResult,
  headOf,
  type LiveMessage,
  type LogEntry,
  liveMessageOf,
  logEntryOf,
  messageName,
  type StoredSession,
  splitAtHoles,
} from '@holdfast/session-store';
import type { RoomContext } from '../../shared/gateway-context.js';
import type { Audience } from '../delivery/audience.js';
import type { Tail } from '../delivery/tail.js';

/** What a lost session is made anew with, beside its position and its time. */
export type KnownSession = Pick<StoredSession, 'createdAt' | 'custom'>;

/** One for all sessions that have none. */
const NO_CUSTOM: KnownSession['custom'] = {};

export function knownOf({ createdAt, custom }: StoredSession): KnownSession {
  return { createdAt, custom: Object.keys(custom).length === 0 ? NO_CUSTOM : custom };
}

/** What a repair needs of its room. */
export interface RepairedRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly tail: Tail;
  /** The session as Redis last told it. */
  readonly known: KnownSession | undefined;
  readonly expiry: { readonly ttl: number; readonly remainingMs: number };
  moveTo(position: Position | undefined, firstSeq: number): void;
  readonly audience: Pick<Audience, 'noteHad' | 'restartAll' | 'tellGap'>;
}

/** Entries one script call gets. */
const CHUNK = 200;

/** What a room does about a Redis that has less, or something else, than was delivered (G1). */
export class Repair {
  readonly #room: RepairedRoom;
  readonly #context: RoomContext;

  constructor(room: RepairedRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
  }

  /**
   * Puts back from the tail what Redis lacks (G2).
   *
   * @param count what Redis has; absent: it has no session
   * @returns `hole` when the tail does not reach back to what Redis has: nobody knows then whether the two share a past
   */
  async heal(position: Position, count: number | undefined): Promise<HealResult['outcome'] | 'hole'> {
    const { tail } = this.#room;
    // The newest first where there is nothing: whoever writes meanwhile goes on from the right number.
    let from = count === undefined ? Math.max(tail.firstSeq, position.seq - CHUNK + 1) : Math.max(tail.firstSeq, count);
    if (count !== undefined && count > 0 && from > count) return 'hole';
    let result = await this.#put(position, tail.from(from, CHUNK) ?? []);
    while (result.outcome === 'healed' && result.count < position.seq) {
      if (result.count < from) return 'hole';
      from = result.count + 1;
      result = await this.#put(position, tail.from(from, CHUNK) ?? []);
    }
    if (result.outcome !== 'healed') return result.outcome;
    const outcome = await this.prepend(position, result.firstSeq);
    if (outcome === 'healed') this.#context.reporter.healed(this.#room.sessionId, position.seq);
    return outcome;
  }

  /** Joins what was delivered with what Redis has, under a new epoch (G4). */
  async fork(seenEpoch: string, samePast: boolean): Promise<void> {
    const entries = this.#delivered().map(logEntryOf);
    const session = this.#session();
    const { sessionId, position } = this.#room;
    const request = { seenEpoch, samePast, session, seq: position?.seq ?? 0, entries };
    const result = await this.#context.log.fork(sessionId, request);
    if (result.outcome === 'forked') this.#context.reporter.forked(sessionId, result.epoch);
  }

  /**
   * Takes the log in place of what was delivered (G4): first stores again what it lacks, then tells members from which
   * number on it may differ.
   *
   * @param keep whether messages that the log lacks are stored again
   * @returns false when the session changed meanwhile
   */
  async adopt(session: StoredSession, keep: boolean): Promise<boolean> {
    const room = this.#room;
    const { position } = room;
    const log = await this.#readAll(session.epoch);
    if (!log || room.position !== position) return false;
    const newest = log.at(-1);
    const end = { epoch: session.epoch, seq: newest?.seq ?? session.count, id: newest?.id ?? '' };
    const delivered = this.#delivered();
    const lacking = keep ? lackingOf(delivered, log, log.length >= this.#context.historyMax) : [];
    room.audience.noteHad(lacking);
    if (!(await this.#store(lacking, end))) return false;
    if (room.position !== position) return false;
    const from = firstDifference(room.tail, log, end.seq);
    room.moveTo(end, log[0]?.seq ?? 0);
    room.tail.clear();
    room.tail.push((splitAtHoles(log).at(-1) ?? []).map(liveMessageOf));
    room.audience.restartAll(session.epoch, from, new Set(delivered.map(messageName)));
    return true;
  }

  async #put(position: Position, messages: readonly LiveMessage[]): Promise<HealResult> {
    const session = { ...this.#session(), remainingMs: this.#room.expiry.remainingMs };
    const entries = messages.map(logEntryOf);
    return this.#context.log.heal(this.#room.sessionId, { position, session, entries });
  }

  #session(): Pick<StoredSession, 'createdAt' | 'custom' | 'ttl'> {
    const { known, expiry } = this.#room;
    const { createdAt = this.#context.clock.now() / 1000, custom = {} } = known ?? {};
    return { createdAt, custom, ttl: expiry.ttl };
  }

  /**
   * Puts the tail's older messages before what the log still has.
   *
   * @param firstKept the log's oldest number; 0 when it is empty
   */
  async prepend(position: Position, firstKept: number): Promise<HealResult['outcome']> {
    const { tail } = this.#room;
    let first = firstKept === 0 ? position.seq + 1 : firstKept;
    while (tail.firstSeq !== 0 && tail.firstSeq < first) {
      const from = Math.max(tail.firstSeq, first - CHUNK);
      const result = await this.#put(position, tail.from(from, first - from) ?? []);
      if (result.outcome !== 'healed') return result.outcome;
      // Beyond the history's length nothing is kept.
      if (result.firstSeq >= first || result.firstSeq === 0) break;
      first = result.firstSeq;
    }
    return 'healed';
  }

  #delivered(): LiveMessage[] {
    const { tail } = this.#room;
    return tail.from(tail.firstSeq, this.#context.historyMax) ?? [];
  }

  /** @returns nothing when the session has another epoch by now */
  async #readAll(epoch: string): Promise<LogEntry[] | undefined> {
    const entries: LogEntry[] = [];
    for (;;) {
      const from = (entries.at(-1)?.seq ?? 0) + 1;
      const read = await this.#context.log.read(this.#room.sessionId, { from, limit: CHUNK });
      if (read.session?.epoch !== epoch) return undefined;
      entries.push(...read.entries);
      if (read.entries.length < CHUNK) return entries;
    }
  }

  /** Stores again, as retries, what members here have had. @returns false when the session changed meanwhile */
  async #store(lacking: readonly LiveMessage[], end: Position): Promise<boolean> {
    for (let at = 0; at < lacking.length; at += CHUNK) {
      const messages = lacking.slice(at, at + CHUNK).map((message) => {
        const { id, senderKey, body } = logEntryOf(message);
        return { id, senderKey, head: headOf(body), retry: 'anywhere' as const };
      });
      const result = await this.#context.log.append(this.#room.sessionId, { position: end, messages });
      if (result.outcome !== 'stored') return false;
    }
    return true;
  }
}

/** What the log does not have of it. @param trimmed whether the log may have had more: what comes before all that both have was trimmed, not lost */
function lackingOf(delivered: readonly LiveMessage[], log: readonly LogEntry[], trimmed: boolean): LiveMessage[] {
  const kept = new Set(log.map(messageName));
  const shared = delivered.findIndex((message) => kept.has(messageName(message)));
  return delivered.slice(trimmed ? Math.max(0, shared) : 0).filter((message) => !kept.has(messageName(message)));
}

/**
 * First number that members may have differently; the one after the log's end when all they have is in it. Histories
 * that share a message under its number share what comes before it; those that share none share nothing.
 */
function firstDifference(tail: Tail, log: readonly LogEntry[], end: number): number {
  const isShared = (entry: LogEntry): boolean => {
    const had = tail.at(entry.seq);
    return had !== undefined && messageName(had) === messageName(entry);
  };
  const shared = log.findIndex(isShared);
  if (shared < 0) return 1;
  return log.slice(shared).find((entry) => !isShared(entry))?.seq ?? end + 1;
}
