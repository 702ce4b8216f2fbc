import type { MessageSegment } from '@holdfast/session-store';

/** Messages that came together, as a tail keeps them, and the budget remembers when. */
export interface HeldRun {
  /** Absent: its tail has dropped it. */
  run: MessageSegment | undefined;
  readonly owner: RunOwner;
  /** Bytes. */
  readonly cost: number;
  /** When it was added; monotonic milliseconds. */
  readonly atMs: number;
}

/** Whoever holds runs: the oldest goes first. */
export interface RunOwner {
  dropOldest(): void;
}

export interface TailLimits {
  /** Over all sessions. */
  readonly bytes: number;
  readonly ageMs: number;
}

/** Runs that may be remembered in vain before they are looked through. */
const STALE_MAX = 1_024;
/** What a run costs here and in its tail, without its own bytes, and what each of its messages costs there. Bytes. */
const RUN_OVERHEAD = 120;
const INDEX_OVERHEAD = 16;

/** What all tails of a gateway share: beyond its bytes and its age the oldest run of any session goes first (F5). */
export class TailBudget {
  #bytes = 0;
  #held = 0;
  /** Oldest first. Runs that have gone by count or with their epoch stay until they are as many as the others. */
  #order: HeldRun[] = [];
  #front = 0;

  readonly #limits: TailLimits;
  readonly #nowMs: () => number;

  /** @param nowMs the monotonic clock */
  constructor(limits: TailLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Entries of its own that it has in memory. */
  get remembered(): number {
    return this.#order.length;
  }

  /**
   * Milliseconds since the oldest message that is held was added: how long ago a member may have left and be resumed
   * from memory.
   */
  get reachMs(): number {
    const oldest = this.#oldest();
    return oldest ? this.#nowMs() - oldest.atMs : 0;
  }

  hold(run: MessageSegment, owner: RunOwner): HeldRun {
    const cost = run.cost + RUN_OVERHEAD + (run.lastSeq - run.firstSeq + 1) * INDEX_OVERHEAD;
    const held = { run, owner, cost, atMs: this.#nowMs() };
    this.#bytes += cost;
    this.#held += 1;
    this.#order.push(held);
    this.#forgetGone();
    return held;
  }

  release(held: HeldRun): void {
    held.run = undefined;
    this.#bytes -= held.cost;
    this.#held -= 1;
    this.#forgetGone();
  }

  /** Drops what is beyond the bytes. */
  dropExcess(): void {
    if (this.#bytes > this.#limits.bytes) this.#dropWhile(() => this.#bytes > this.#limits.bytes);
  }

  /** Drops what has become too old. Called now and then. */
  dropAged(): void {
    const sinceMs = this.#nowMs() - this.#limits.ageMs;
    this.#dropWhile(({ atMs }) => atMs < sinceMs);
  }

  #forgetGone(): void {
    if (this.#order.length <= this.#held * 2 + STALE_MAX) return;
    this.#order = this.#order.slice(this.#front).filter(({ run }) => run);
    this.#front = 0;
  }

  #dropWhile(isTooMuch: (oldest: HeldRun) => boolean): void {
    for (let oldest = this.#oldest(); oldest && isTooMuch(oldest); oldest = this.#oldest()) oldest.owner.dropOldest();
  }

  /** The oldest that is still held; what is not any more is passed over for good. */
  #oldest(): HeldRun | undefined {
    for (;;) {
      const oldest = this.#order[this.#front];
      if (!oldest || oldest.run) return oldest;
      this.#front += 1;
    }
  }
}

/** A limit of bytes that all sessions of a gateway share: the outage buffer (D2). */
export class ByteBudget {
  #used = 0;
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

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
