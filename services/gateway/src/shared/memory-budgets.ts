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
  /** Bytes of its segments; 0 at first. Only the budget changes it. */
  heldBytes: number;
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
 * Tails are ranked by what they hold: rank 0 has those with more than the limit, rank 1 those with more than half of it,
 * rank 2 those with more than a quarter, and so on. The last rank has those with more than 1/1024 of it; smaller tails
 * have no rank.
 */
const RANKS = 11;

/**
 * The memory that the tails of all sessions share (F5). When they have more bytes than the limit, the tails that hold
 * most lose their oldest segments first, so that a session with large messages takes nothing from others. Among tails of
 * one rank it is the one that was used least recently. Only where no tail has a rank, the oldest segment of whichever
 * session is dropped. Segments older than the age limit are dropped too.
 */
export class TailBudget {
  #bytes = 0;
  /** The tails of each rank, the least recently used first. A tail is used when it takes messages, or enters the rank. */
  readonly #ranks: readonly Set<SegmentOwner>[] = Array.from({ length: RANKS }, () => new Set());
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

  /**
   * Age of the oldest segment, milliseconds: a member that left no longer ago can be resumed from memory, unless its
   * session is one of those that hold most.
   */
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
    const before = this.#rankOf(owner);
    owner.heldBytes += cost;
    const rank = this.#rankOf(owner);
    // Also where the rank is the same: from now on the tail is the most recently used of it.
    before?.delete(owner);
    rank?.add(owner);
    this.#order.push(added);
    this.#clean();
    return added;
  }

  /** Its tail has dropped a segment. Called once for each. */
  remove(dropped: TailSegment): void {
    const { owner, cost } = dropped;
    dropped.segment = undefined;
    this.#bytes -= cost;
    this.#count -= 1;
    const before = this.#rankOf(owner);
    owner.heldBytes -= cost;
    const rank = this.#rankOf(owner);
    if (rank !== before) {
      before?.delete(owner);
      rank?.add(owner);
    }
    this.#clean();
  }

  /** Drops segments until the bytes are within the limit. Called after each {@link add}. */
  dropExcess(): void {
    while (this.#bytes > this.#limits.bytes) {
      const owner = this.#largest() ?? this.#oldest()?.owner;
      if (!owner) return;
      owner.dropOldest();
    }
  }

  /** Drops segments above the age limit. Called about once a second. */
  dropAged(): void {
    const sinceMs = this.#nowMs() - this.#limits.ageMs;
    for (let oldest = this.#oldest(); oldest && oldest.atMs < sinceMs; oldest = this.#oldest()) {
      oldest.owner.dropOldest();
    }
  }

  /** The rank of a tail by what it holds; undefined where it holds too little for one. */
  #rankOf({ heldBytes }: SegmentOwner): Set<SegmentOwner> | undefined {
    if (heldBytes === 0) return undefined;
    // 31 - clz32(x) is the binary logarithm of x, rounded down.
    const times = Math.min((2 * this.#limits.bytes) / heldBytes, 1 << RANKS);
    return this.#ranks[Math.max(0, 31 - Math.clz32(times))];
  }

  /** The least recently used tail of the highest rank that has any; undefined where no tail has a rank. */
  #largest(): SegmentOwner | undefined {
    for (const rank of this.#ranks) for (const owner of rank) return owner;
    return undefined;
  }

  #clean(): void {
    if (this.#order.length <= this.#count * 2 + DROPPED_MAX) return;
    this.#order = this.#order.slice(this.#front).filter(({ segment }) => segment);
    this.#front = 0;
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

/**
 * A limit of bytes that the sessions of a gateway share: the outage buffer (D2). A session may hold as much as it leaves
 * free for all others, and one message in any case: alone it has half of the limit, two have a third each. So those that
 * hold little find room, whatever others hold.
 */
export class ByteBudget {
  #used = 0;
  /** Bytes by session, of those that hold any. */
  readonly #held = new Map<string, number>();

  /** @param limit bytes */
  constructor(readonly limit: number) {}

  get used(): number {
    return this.#used;
  }

  /** @returns false, and takes nothing, where the bytes would pass the limit or the session's share */
  take(sessionId: string, bytes: number): boolean {
    const held = this.#held.get(sessionId) ?? 0;
    const free = this.limit - this.#used - bytes;
    if (free < (held === 0 ? 0 : held + bytes)) return false;
    this.#used += bytes;
    this.#held.set(sessionId, held + bytes);
    return true;
  }

  /** Gives back what a session has taken. */
  give(sessionId: string, bytes: number): void {
    this.#used -= bytes;
    const left = (this.#held.get(sessionId) ?? 0) - bytes;
    if (left > 0) this.#held.set(sessionId, left);
    else this.#held.delete(sessionId);
  }
}
