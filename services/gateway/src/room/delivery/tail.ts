import { idHash, type LiveMessage, messageIdHash, messageSegment } from '@holdfast/session-store';
import type { HeldRun, RunOwner, TailBudget } from '../../shared/memory-budgets.js';
import { IdIndex } from './id-index.js';

/** Runs that are dropped at the front of the list before the list is made anew. */
const DROPPED_MAX = 64;

/**
 * The newest messages of a session as rendered, without holes (F5): serves quick resumes, tells whether a send was stored
 * already (A4), and is what lost history is healed from (G2). Messages are kept in runs, the messages that came together,
 * because thousands of single objects would be gone through by each garbage collection.
 */
export class Tail implements RunOwner {
  #runs: HeldRun[] = [];
  #front = 0;
  #firstSeq = 0;
  #lastSeq = 0;
  #ids: IdIndex | undefined;

  constructor(
    readonly maxMessages: number,
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

  /** @param messages without holes, from the one right after {@link lastSeq} on, or from any when empty */
  push(messages: readonly LiveMessage[]): void {
    const [first] = messages;
    if (!first) return;
    if (this.#lastSeq !== 0 && first.seq !== this.#lastSeq + 1) {
      throw new Error(`a tail that ends at ${this.#lastSeq} cannot take ${first.seq}`);
    }
    const run = messageSegment(messages);
    this.#runs.push(this.budget.hold(run, this));
    if (this.#firstSeq === 0) this.#firstSeq = first.seq;
    this.#lastSeq = run.lastSeq;
    this.#firstSeq = Math.max(this.#firstSeq, this.#lastSeq - this.maxMessages + 1);
    this.#ids ??= new IdIndex();
    for (const message of messages) {
      if (message.seq >= this.#firstSeq) this.#ids.add(message.seq, messageIdHash(message), this.#firstSeq);
    }
    // A run stays until all of its messages are beyond the count.
    while ((this.#runs[this.#front]?.run?.lastSeq ?? this.#firstSeq) < this.#firstSeq) this.#release();
    this.budget.dropExcess();
  }

  at(seq: number): LiveMessage | undefined {
    if (this.#firstSeq === 0 || seq < this.#firstSeq || seq > this.#lastSeq) return undefined;
    const run = this.#runs[this.#runAt(seq)]?.run;
    return run?.messages()[seq - run.firstSeq];
  }

  /** The messages from a number on, at most `limit`; `undefined` when the tail does not reach back to that number. */
  from(seq: number, limit: number): LiveMessage[] | undefined {
    if (this.#firstSeq === 0 || seq < this.#firstSeq || seq > this.#lastSeq) return undefined;
    const messages: LiveMessage[] = [];
    for (let at = this.#runAt(seq); at < this.#runs.length && messages.length < limit; at++) {
      for (const message of this.#runs[at]?.run?.messages() ?? []) if (message.seq >= seq) messages.push(message);
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

  /** Forgets the oldest run; called by the budget. */
  dropOldest(): void {
    this.#release();
    const oldest = this.#runs[this.#front];
    if (oldest?.run) this.#firstSeq = Math.max(this.#firstSeq, oldest.run.firstSeq);
    else this.#reset();
  }

  clear(): void {
    while (this.#runs.length > this.#front) this.#release();
    this.#reset();
  }

  #reset(): void {
    this.#runs = [];
    this.#front = 0;
    this.#firstSeq = 0;
    this.#lastSeq = 0;
    // The next messages may begin at 1 again.
    this.#ids = undefined;
  }

  #release(): void {
    const oldest = this.#runs[this.#front];
    if (!oldest) return;
    this.budget.release(oldest);
    this.#front += 1;
    if (this.#front > DROPPED_MAX && this.#front * 2 > this.#runs.length) {
      this.#runs = this.#runs.slice(this.#front);
      this.#front = 0;
    }
  }

  /** The place of the run that holds a number, by binary search. */
  #runAt(seq: number): number {
    let from = this.#front;
    for (let to = this.#runs.length - 1; from < to; ) {
      const middle = (from + to + 1) >> 1;
      if ((this.#runs[middle]?.run?.firstSeq ?? 0) <= seq) from = middle;
      else to = middle - 1;
    }
    return from;
  }
}
