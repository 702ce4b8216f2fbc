import type { LiveMessage } from '@holdfast/session-store';
import { SparseMap } from './sparse-map.js';

/** Messages that came one after the other, as the budget remembers them: where they are, without keeping them. */
interface Added {
  readonly tail: Tail;
  readonly generation: number;
  /** Of those that have not been dropped. */
  firstSeq: number;
  lastSeq: number;
  /** When the first of them was added; monotonic clock. */
  readonly atMs: number;
}

export interface TailLimits {
  /** Over all sessions. */
  readonly bytes: number;
  readonly ageMs: number;
}

/** How long one entry goes on: as exactly as that the age of what it remembers is known. */
const RUN_MS = 1_000;
/** Entries that may be remembered in vain before they are looked through. */
const STALE_MAX = 1_024;

/** What all tails of a gateway share: beyond its bytes and its age the oldest message of any session goes first (F5). */
export class TailBudget {
  #bytes = 0;
  #held = 0;
  /** Oldest first. Messages that have gone by count or with their epoch stay until they are as many as the others. */
  #order: Added[] = [];
  #front = 0;
  #newest: Added | undefined;

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

  added(tail: Tail, message: LiveMessage): void {
    this.#bytes += costOf(message);
    this.#held += 1;
    const { generation } = tail;
    const { seq } = message;
    const nowMs = this.#nowMs();
    const newest = this.#newest;
    const follows = newest?.tail === tail && newest.generation === generation && seq === newest.lastSeq + 1;
    if (follows && nowMs - newest.atMs < RUN_MS) newest.lastSeq = seq;
    else {
      this.#newest = { tail, generation, firstSeq: seq, lastSeq: seq, atMs: nowMs };
      this.#order.push(this.#newest);
    }
    if (this.#bytes > this.#limits.bytes) this.#dropWhile(() => this.#bytes > this.#limits.bytes);
    if (this.#order.length > this.#held * 2 + STALE_MAX) {
      this.#order = this.#order.slice(this.#front).filter(isHeld);
      this.#front = 0;
      this.#newest = undefined;
    }
  }

  #forgetOldest(): void {
    if (this.#order[this.#front] === this.#newest) this.#newest = undefined;
    this.#front += 1;
  }

  removed(message: LiveMessage): void {
    this.#bytes -= costOf(message);
    this.#held -= 1;
  }

  /** Drops what has become too old. Called now and then. */
  dropAged(): void {
    const sinceMs = this.#nowMs() - this.#limits.ageMs;
    this.#dropWhile(({ atMs }) => atMs < sinceMs);
  }

  #dropWhile(isTooMuch: (oldest: Added) => boolean): void {
    for (let oldest = this.#oldest(); oldest && isTooMuch(oldest); oldest = this.#oldest()) {
      // What has gone by count is not looked for one by one.
      oldest.firstSeq = Math.max(oldest.firstSeq, oldest.tail.firstSeq) + 1;
      oldest.tail.dropThrough(oldest.firstSeq - 1);
      if (oldest.firstSeq > oldest.lastSeq) this.#forgetOldest();
    }
  }

  /** The oldest that is still held; what is not any more is passed over for good. */
  #oldest(): Added | undefined {
    for (;;) {
      const oldest = this.#order[this.#front];
      if (!oldest || isHeld(oldest)) return oldest;
      this.#forgetOldest();
    }
  }
}

function isHeld({ tail, generation, lastSeq }: Added): boolean {
  return generation === tail.generation && tail.at(lastSeq) !== undefined;
}

/** What an entry costs beside its frame: objects, map entry, array slot; measured on Node 20. */
const ENTRY_OVERHEAD_BYTES = 200;

function costOf(message: LiveMessage): number {
  return message.frame.length + ENTRY_OVERHEAD_BYTES;
}

/**
 * The newest messages of a session as rendered, without holes (F5). Serves quick resumes, and tells whether a send
 * was stored already (A4).
 */
export class Tail {
  #messages: LiveMessage[] = [];
  #front = 0;
  #generation = 0;
  /** Newest number by the hash of its id; others may have the same, so a hit is a hint. */
  readonly #byId = new SparseMap<number, number>();

  constructor(
    readonly maxMessages: number,
    readonly budget: TailBudget,
  ) {}

  /** Counts the times it was cleared: numbers of one generation only grow. */
  get generation(): number {
    return this.#generation;
  }

  /** Oldest number held; 0 when empty. */
  get firstSeq(): number {
    return this.#messages[this.#front]?.seq ?? 0;
  }

  /** Newest number held; 0 when empty. */
  get lastSeq(): number {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  /** @param message the one right after {@link lastSeq}, or any when empty */
  push(message: LiveMessage): void {
    const { lastSeq } = this;
    if (lastSeq !== 0 && message.seq !== lastSeq + 1) {
      throw new Error(`a tail that ends at ${lastSeq} cannot take ${message.seq}`);
    }
    this.#messages.push(message);
    this.#byId.set(hashOf(message.id), message.seq);
    if (this.#messages.length - this.#front > this.maxMessages) this.#dropOldest();
    this.budget.added(this, message);
  }

  at(seq: number): LiveMessage | undefined {
    const { firstSeq } = this;
    return firstSeq === 0 || seq < firstSeq ? undefined : this.#messages[this.#front + seq - firstSeq];
  }

  /** The messages from a number on; nothing when the tail does not reach back to it. */
  from(seq: number, limit: number): LiveMessage[] | undefined {
    if (!this.at(seq)) return undefined;
    const start = this.#front + seq - this.firstSeq;
    return this.#messages.slice(start, start + limit);
  }

  /** The number under which a sender's message was delivered; nothing when it is not in the tail. */
  find(senderKey: string, id: string): number | undefined {
    const hint = this.#byId.get(hashOf(id));
    if (hint === undefined) return undefined;
    const hinted = this.at(hint);
    if (hinted?.id === id && hinted.senderKey === senderKey) return hint;
    for (let at = this.#messages.length - 1; at >= this.#front; at--) {
      const message = this.#messages[at];
      if (message?.id === id && message.senderKey === senderKey) return message.seq;
    }
    return undefined;
  }

  /** Forgets everything up to a number. */
  dropThrough(seq: number): void {
    while (this.firstSeq !== 0 && this.firstSeq <= seq) this.#dropOldest();
  }

  clear(): void {
    this.dropThrough(this.lastSeq);
    this.#generation += 1;
  }

  #dropOldest(): void {
    const oldest = this.#messages[this.#front];
    if (!oldest) return;
    this.budget.removed(oldest);
    const hash = hashOf(oldest.id);
    if (this.#byId.get(hash) === oldest.seq) this.#byId.delete(hash);
    this.#front += 1;
    if (this.#front === this.#messages.length || (this.#front > 64 && this.#front * 2 > this.#messages.length)) {
      this.#messages = this.#messages.slice(this.#front);
      this.#front = 0;
    }
  }
}

/** A whole number of thirty bits, which costs a map no memory of its own. */
function hashOf(id: string): number {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = (Math.imul(hash, 31) + id.charCodeAt(at)) & 0x3fffffff;
  return hash;
}
