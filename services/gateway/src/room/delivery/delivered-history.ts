import type { Position } from '@holdfast/protocol';
import {
  type LiveMessage,
  type LogBounds,
  type LogEntry,
  type LogRead,
  largeBytesOf,
  liveMessageOf,
  messageBytes,
  NOWHERE,
  type StoredSession,
} from '@holdfast/session-store';
import type { TailBudget } from '../../shared/memory-budgets.js';
import { Tail } from './tail.js';

/** What a session that Redis has lost is made anew with, beside its position and its remaining time (G2). */
export type KnownSession = Pick<StoredSession, 'createdAt' | 'custom'>;

/** One object for all sessions without custom data, because most have none. */
const NO_CUSTOM: KnownSession['custom'] = {};

/**
 * What a room has delivered of its session (F2): the position, the tail that reaches up to it, and the session as Redis
 * last described it. The room delivers, the sync moves; everybody else only reads here.
 */
export class DeliveredHistory {
  readonly tail: Tail;
  #position: Position | undefined;
  #firstSeq = 0;
  /** Number of the newest message when the log was last seen to begin at {@link #firstSeq}. */
  #notedSeq = 0;
  /** Number of the newest message that may be large (K2); 0: none that was seen is. */
  #largeSeq = 0;
  #session: KnownSession | undefined;
  #version: object = {};

  /** @param bounds of the log */
  constructor(
    readonly sessionId: string,
    readonly bounds: LogBounds,
    tailBudget: TailBudget,
  ) {
    this.tail = new Tail(bounds, tailBudget);
  }

  /**
   * The newest message delivered, with its epoch. `undefined` until the room is first synced, which never happens in
   * rooms without persistent members; {@link NOWHERE} after the session has ended.
   */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Whether the room follows a session that has not ended, as far as is known here. */
  get isPlaced(): boolean {
    return this.#position !== undefined && this.#position !== NOWHERE;
  }

  /** Newest number delivered; 0 when there is none. */
  get seq(): number {
    return this.#position?.seq ?? 0;
  }

  /** Oldest number that the log keeps, as far as is known here; 0 when there is none. See {@link isStartKnown}. */
  get firstSeq(): number {
    return this.#firstSeq === 0 ? 0 : Math.max(this.#firstSeq, this.seq - this.bounds.entries + 1);
  }

  /**
   * Whether the log cannot begin later than at {@link firstSeq}. It may while it has a large message, because what was
   * delivered since then may have trimmed it by bytes (K2): then only the log can tell.
   */
  get isStartKnown(): boolean {
    return this.#largeSeq === 0 || this.seq <= this.#notedSeq || this.#largeSeq <= this.seq - this.bounds.entries;
  }

  /**
   * Stands for the history as it is now: another object after every change that is not the delivery of further messages.
   * Pages of the log that were read before such a change are not given after it (F9).
   */
  get version(): object {
    return this.#version;
  }

  /** The session as Redis last described it: a lost session is restored from this (G2). */
  get session(): KnownSession | undefined {
    return this.#session;
  }

  noteSession({ createdAt, custom }: StoredSession): void {
    this.#session = { createdAt, custom: Object.keys(custom).length === 0 ? NO_CUSTOM : custom };
  }

  /** Takes note of where the log began. @param count number of the newest message at that time */
  noteFirstSeq(firstSeq: number, count: number): void {
    // A log that begins later has been trimmed: what was read of it is still true.
    if (firstSeq < this.#firstSeq) this.#version = {};
    this.#firstSeq = firstSeq;
    this.#notedSeq = count;
  }

  /** Whether a number of an epoch was delivered, or a later one of that epoch. */
  has(epoch: string, seq: number): boolean {
    return this.#position?.epoch === epoch && this.seq >= seq;
  }

  /** The id delivered under a number; `undefined` when it is not remembered. */
  idAt(seq: number): string | undefined {
    return seq === this.seq ? (this.#position?.id ?? '') : this.tail.at(seq)?.id;
  }

  /** Whether another id was delivered under a number. A number or an id that is not known contradicts nothing. */
  contradicts(seq: number, id: string): boolean {
    const known = this.idAt(seq) ?? '';
    return known !== '' && id !== '' && known !== id;
  }

  /**
   * Whether a log entry is another message than the one that was delivered at the position (G1). The same message with
   * another time counts as another one: it was stored anew, so what comes before it may differ too.
   *
   * @param entry the log's first entry from the position on; absent, or at a later number: nothing can be compared
   */
  differsFrom(entry: LogEntry | undefined): boolean {
    const { seq, id } = this.#position ?? NOWHERE;
    if (entry?.seq !== seq || id === '') return false;
    const delivered = this.tail.at(seq);
    return entry.id !== id || (delivered !== undefined && !delivered.frame.equals(liveMessageOf(entry).frame));
  }

  /**
   * Takes the id of the newest message from the log, where only its number is known: the room was opened while the log
   * was lost, and another gateway has put the log back. Without the id no append would be taken any more (G3).
   *
   * @param entry the log's first entry from the position on
   */
  learnId(entry: LogEntry | undefined): void {
    const position = this.#position;
    if (position?.id === '' && entry?.seq === position.seq) this.#position = { ...position, id: entry.id };
  }

  /**
   * Whether the tail has older messages than the log, among those that the log would keep.
   *
   * @param count the session's
   * @param read what the log has trimmed for its bytes (K2)
   */
  reachesBackBeyond(firstKept: number, count: number, { trimmedSeq = 0 }: Pick<LogRead, 'trimmedSeq'>): boolean {
    const { firstSeq, lastSeq } = this.tail;
    const oldest = Math.max(firstSeq, count - this.bounds.entries + 1, trimmedSeq + 1);
    return firstSeq !== 0 && oldest <= lastSeq && oldest < firstKept;
  }

  /** Takes messages that are about to be delivered. @param messages at least one, without holes, next after {@link seq} */
  advance(epoch: string, messages: readonly LiveMessage[]): void {
    const last = messages.at(-1);
    if (!last) return;
    if (this.tail.push(messages) > this.#largeBytes) this.#noteLarge(messages);
    this.#position = { epoch, seq: last.seq, id: last.id };
    if (this.#firstSeq === 0) this.#firstSeq = messages[0]?.seq ?? 0;
  }

  /** Changes the position without delivering. The tail stays only where it reaches up to the new position. */
  moveTo(position: Position | undefined, firstSeq: number): void {
    this.#version = {};
    this.#position = position;
    this.#firstSeq = firstSeq;
    this.#notedSeq = position?.seq ?? 0;
    if (position?.seq !== this.tail.lastSeq) this.tail.clear();
  }

  /** Replaces the tail by what was read from the log. */
  refill(messages: readonly LiveMessage[]): void {
    this.tail.refill(messages);
    this.#largeSeq = 0;
    this.#noteLarge(messages);
  }

  /** The session has ended. */
  forget(): void {
    this.#version = {};
    this.#position = NOWHERE;
    this.#firstSeq = 0;
    this.#largeSeq = 0;
    this.tail.clear();
  }

  #noteLarge(messages: readonly LiveMessage[]): void {
    const large = messages.findLast((message) => messageBytes(message) > this.#largeBytes);
    this.#largeSeq = large?.seq ?? this.#largeSeq;
  }

  get #largeBytes(): number {
    return largeBytesOf(this.bounds);
  }
}
