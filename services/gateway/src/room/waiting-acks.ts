import type { Member } from '../ports/member.js';
import type { Tail } from './delivery/tail.js';

/** A send that is stored, but not delivered here yet. */
export interface WaitingAck {
  readonly member: Member;
  readonly id: string;
  readonly seq: number;
  /** Its own frame is the answer where it comes: then there is nothing to say (V7). */
  readonly ifSkipped: boolean;
}

/** Sends that are answered once the room has reached their number (F7). */
export class WaitingAcks {
  readonly #tail: Tail;
  #waiting: WaitingAck[] = [];

  /** @param tail what the room has delivered */
  constructor(tail: Tail) {
    this.#tail = tail;
  }

  add(ack: WaitingAck): void {
    this.#waiting.push(ack);
  }

  /**
   * The room has reached a number.
   *
   * @param how by giving members everything up to it, or not
   */
  settle(seq: number, how: 'delivered' | 'skipped'): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter((ack) => ack.seq <= seq);
    this.#waiting = this.#waiting.filter((ack) => ack.seq > seq);
    for (const { member, id, seq: stored, ifSkipped } of due) {
      if ((!ifSkipped || how === 'skipped') && this.#isThere(stored, id)) member.tell({ type: 'ack', id, seq: stored });
    }
  }

  /** Redis may have lost it, and have another message under its number: then it is its sender's to send again (D5). */
  #isThere(seq: number, id: string): boolean {
    return (this.#tail.at(seq)?.id ?? id) === id;
  }
}
