import type { MessageSegment } from '@holdfast/session-store';

/** One segment of messages that a tail has in memory, as the budget counts it. */
export interface TailSegment {
  /** Undefined once the tail has dropped it. */
  segment: MessageSegment | undefined;
  readonly owner: SegmentOwner;
  /** Bytes that it counts. */
  readonly cost: number;
  /** When it was added; monotonic milliseconds. */
  readonly atMs: number;
}

/** A tail. The budget tells it to drop its oldest segment, which the tail does by {@link TailBudget.remove}. */
export interface SegmentOwner {
  dropOldest(): void;
}

export interface TailLimits {
  /** Over all sessions. */
  readonly bytes: number;
  readonly ageMs: number;
}

/** The order keeps at most this many dropped segments beyond the number of those in memory; then it is cleaned. */
const DROPPED_MAX = 1_024;
/** Bytes that a segment takes here and in its tail beside its own. */
const SEGMENT_OVERHEAD = 120;
/** Bytes that each of its messages takes in the tail's index. */
const INDEX_OVERHEAD = 16;

/**
 * The memory that the tails of all sessions share. When they have more bytes than the limit, or segments older than the
 * limit, the oldest segment of whichever session is dropped (F5).
 */
export class TailBudget {
  #bytes = 0;
  /** Segments in memory. */
  #count = 0;
  /**
   * Segments by age, the oldest at {@link #front}. Those that a tail dropped by itself stay in it until it is cleaned.
   */
  #order: TailSegment[] = [];
  #front = 0;

  readonly #limits: TailLimits;
  readonly #nowMs: () => number;

  /** @param nowMs the monotonic clock, milliseconds */
  constructor(limits: TailLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Bytes in memory, of all tails. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Length of the order, with the dropped segments: what the budget itself takes. */
  get entryCount(): number {
    return this.#order.length;
  }

  /** Age of the oldest segment, milliseconds: a member that left no longer ago can be resumed from memory. */
  get reachMs(): number {
    const oldest = this.#oldest();
    return oldest ? this.#nowMs() - oldest.atMs : 0;
  }

  /** Counts a segment. Drops nothing: {@link dropExcess} does. */
  add(segment: MessageSegment, owner: SegmentOwner): TailSegment {
    const cost = segment.cost + SEGMENT_OVERHEAD + (segment.lastSeq - segment.firstSeq + 1) * INDEX_OVERHEAD;
    const added = { segment, owner, cost, atMs: this.#nowMs() };
    this.#bytes += cost;
    this.#count += 1;
    this.#order.push(added);
    this.#clean();
    return added;
  }

  /** Its tail has dropped a segment. Called once for each. */
  remove(dropped: TailSegment): void {
    dropped.segment = undefined;
    this.#bytes -= dropped.cost;
    this.#count -= 1;
    this.#clean();
  }

  /** Drops segments until the bytes are within the limit. Called after each {@link add}. */
  dropExcess(): void {
    if (this.#bytes > this.#limits.bytes) this.#dropWhile(() => this.#bytes > this.#limits.bytes);
  }

  /** Drops segments above the age limit. Called about once a second. */
  dropAged(): void {
    const sinceMs = this.#nowMs() - this.#limits.ageMs;
    this.#dropWhile(({ atMs }) => atMs < sinceMs);
  }

  #clean(): void {
    if (this.#order.length <= this.#count * 2 + DROPPED_MAX) return;
    this.#order = this.#order.slice(this.#front).filter(({ segment }) => segment);
    this.#front = 0;
  }

  #dropWhile(isTooMuch: (oldest: TailSegment) => boolean): void {
    for (let oldest = this.#oldest(); oldest && isTooMuch(oldest); oldest = this.#oldest()) oldest.owner.dropOldest();
  }

  /** The oldest segment that is still in memory; moves the front past those that are not. */
  #oldest(): TailSegment | undefined {
    for (;;) {
      const oldest = this.#order[this.#front];
      if (!oldest || oldest.segment) return oldest;
      this.#front += 1;
    }
  }
}

/** A limit of bytes that all sessions of a gateway share: the outage buffer (D2). */
export class ByteBudget {
  #used = 0;

  /** @param limit bytes */
  constructor(readonly limit: number) {}

  get used(): number {
    return this.#used;
  }

  /** @returns false, and takes nothing, where the bytes would pass the limit */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#used -= bytes;
  }
}
