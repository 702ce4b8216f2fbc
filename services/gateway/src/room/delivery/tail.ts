import { idHash, type LiveMessage, type LogBounds, messageIdHash, messageSegment } from '@holdfast/session-store';
import type { SegmentOwner, TailBudget, TailSegment } from '../../shared/memory-budgets.js';
import { IdIndex } from './id-index.js';

/** Segments that are dropped at the front of the list before the list is made anew. */
const DROPPED_MAX = 64;
/** Bounds of a segment of messages that are read from the log: a tail that has to give room loses no more than that. */
const SEGMENT_MESSAGES = 100;
const SEGMENT_BYTES = 65_536;

/**
 * The newest messages of a session as rendered, without holes (F5): serves quick resumes, tells whether a send was
 * stored already (A4), and is what lost history is healed from (G2). Messages that came together are kept as one
 * segment, because each garbage collection would go through thousands of single objects.
 */
export class Tail implements SegmentOwner {
  heldBytes = 0;
  #segments: TailSegment[] = [];
  #front = 0;
  #firstSeq = 0;
  #lastSeq = 0;
  /** Of all segments, at least what their messages have in the log. */
  #bytes = 0;
  #ids: IdIndex | undefined;

  /** @param bounds of the session's log: the tail never reaches further back than that would (G2, K2) */
  constructor(
    readonly bounds: LogBounds,
    readonly budget: TailBudget,
  ) {}

  /** Oldest number held; 0 when empty. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** Newest number held; 0 when empty. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /**
   * @param messages without holes, from the one right after {@link lastSeq} on, or from any when empty
   * @returns at least how many bytes they have in the log
   */
  push(messages: readonly LiveMessage[]): number {
    const [first] = messages;
    if (!first) return 0;
    if (this.#lastSeq !== 0 && first.seq !== this.#lastSeq + 1) {
      throw new Error(`a tail that ends at ${this.#lastSeq} cannot take ${first.seq}`);
    }
    const segment = messageSegment(messages);
    const { bytes } = segment;
    // The log would keep a part of them.
    if (bytes > this.bounds.bytes && messages.length > 1) {
      for (const message of messages) this.push([message]);
      return bytes;
    }
    this.#bytes += bytes;
    this.#segments.push(this.budget.add(segment, this));
    if (this.#firstSeq === 0) this.#firstSeq = first.seq;
    this.#lastSeq = segment.lastSeq;
    this.#firstSeq = Math.max(this.#firstSeq, this.#lastSeq - this.bounds.entries + 1);
    this.#ids ??= new IdIndex();
    for (const message of messages) {
      if (message.seq >= this.#firstSeq) this.#ids.add(message.seq, messageIdHash(message), this.#firstSeq);
    }
    // A segment stays until all of its messages are beyond the count.
    while ((this.#segments[this.#front]?.segment?.lastSeq ?? this.#firstSeq) < this.#firstSeq) this.#release();
    while (this.#bytes > this.bounds.bytes && this.#segments.length - this.#front > 1) this.dropOldest();
    this.budget.dropExcess();
    return bytes;
  }

  /** Replaces what is held by messages of the log, in segments of moderate size. @param messages without holes */
  refill(messages: readonly LiveMessage[]): void {
    this.clear();
    for (let from = 0, end = 0; from < messages.length; from = end) {
      let bytes = 0;
      while (end < messages.length && end - from < SEGMENT_MESSAGES && bytes < SEGMENT_BYTES) {
        bytes += messages[end]?.frame.length ?? 0;
        end += 1;
      }
      this.push(messages.slice(from, end));
    }
  }

  at(seq: number): LiveMessage | undefined {
    if (this.#firstSeq === 0 || seq < this.#firstSeq || seq > this.#lastSeq) return undefined;
    const segment = this.#segments[this.#segmentAt(seq)]?.segment;
    return segment?.messages()[seq - segment.firstSeq];
  }

  /** The messages from a number on, at most `limit`; `undefined` when the tail does not reach back to that number. */
  from(seq: number, limit: number): LiveMessage[] | undefined {
    if (this.#firstSeq === 0 || seq < this.#firstSeq || seq > this.#lastSeq) return undefined;
    const messages: LiveMessage[] = [];
    for (let at = this.#segmentAt(seq); at < this.#segments.length && messages.length < limit; at++) {
      for (const message of this.#segments[at]?.segment?.messages() ?? [])
        if (message.seq >= seq) messages.push(message);
    }
    return messages.slice(0, limit);
  }

  /** The number under which a sender's message was delivered; `undefined` when it is not in the tail. */
  find(senderKey: string, id: string): number | undefined {
    if (this.#firstSeq === 0) return undefined;
    return this.#ids?.find(idHash(id), this.#firstSeq, this.#lastSeq, (seq) => {
      const message = this.at(seq);
      return message?.id === id && message.senderKey === senderKey;
    });
  }

  /** Forgets the oldest segment; also called by the budget. */
  dropOldest(): void {
    this.#release();
    const oldest = this.#segments[this.#front];
    if (oldest?.segment) this.#firstSeq = Math.max(this.#firstSeq, oldest.segment.firstSeq);
    else this.#reset();
  }

  clear(): void {
    while (this.#segments.length > this.#front) this.#release();
    this.#reset();
  }

  #reset(): void {
    this.#segments = [];
    this.#front = 0;
    this.#firstSeq = 0;
    this.#lastSeq = 0;
    // The next messages may begin at 1 again.
    this.#ids = undefined;
  }

  #release(): void {
    const oldest = this.#segments[this.#front];
    if (!oldest) return;
    this.#bytes -= oldest.segment?.bytes ?? 0;
    this.budget.remove(oldest);
    this.#front += 1;
    if (this.#front > DROPPED_MAX && this.#front * 2 > this.#segments.length) {
      this.#segments = this.#segments.slice(this.#front);
      this.#front = 0;
    }
  }

  /** The place of the segment that holds a number, by binary search. */
  #segmentAt(seq: number): number {
    let from = this.#front;
    for (let to = this.#segments.length - 1; from < to; ) {
      const middle = (from + to + 1) >> 1;
      if ((this.#segments[middle]?.segment?.firstSeq ?? 0) <= seq) from = middle;
      else to = middle - 1;
    }
    return from;
  }
}
