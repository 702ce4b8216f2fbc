import type { Member } from '../ports/member.js';
import type { Sending } from './append/waiting-list.js';
import type { DeliveredHistory } from './delivery/delivered-history.js';

/** A send as its answer needs it. One without an id, as on the plain protocol, is not answered. */
type Send = Pick<Sending, 'member' | 'clientId'>;

/** A send that is stored, but not delivered here yet. */
interface WaitingAck {
  readonly member: Member;
  readonly id: string;
  readonly seq: number;
  /** Whether the message's own frame answers the send: then an ack is due only if that frame does not come (V7). */
  readonly ifSkipped: boolean;
}

/**
 * Answers sends that the room has not delivered yet, once it has: no member gets an ack of a message that its room has
 * not delivered (F7).
 */
export class WaitingAcks {
  readonly #delivered: DeliveredHistory;
  /** Made with the first, because most rooms never have one. */
  #waiting: WaitingAck[] | undefined;

  constructor(delivered: DeliveredHistory) {
    this.#delivered = delivered;
  }

  /** Answers a repeated send (V4): now, where its message was delivered, else later. */
  acknowledge({ member, clientId: id }: Send, seq: number): void {
    if (id === undefined) return;
    if (seq <= this.#delivered.seq) member.tell({ type: 'ack', id, seq });
    else this.#add({ member, id, seq, ifSkipped: false });
  }

  /** Answers a first send only if the room skips its message, whose own frame would be the answer (V7). */
  acknowledgeIfSkipped({ member, clientId: id }: Send, seq: number): void {
    if (id !== undefined && seq > this.#delivered.seq) this.#add({ member, id, seq, ifSkipped: true });
  }

  /**
   * The room has reached a new position.
   *
   * @param how `delivered`: members were given everything up to it; `skipped`: the position was moved
   */
  settle(how: 'delivered' | 'skipped'): void {
    if (!this.#waiting) return;
    const { seq: reached } = this.#delivered;
    const due = this.#waiting.filter(({ seq }) => seq <= reached);
    const rest = this.#waiting.filter(({ seq }) => seq > reached);
    this.#waiting = rest.length > 0 ? rest : undefined;
    for (const { member, id, seq, ifSkipped } of due) {
      if ((!ifSkipped || how === 'skipped') && this.#isKept(seq, id)) member.tell({ type: 'ack', id, seq });
    }
  }

  /** The epoch that the sends were stored in has ended: nobody is answered. */
  forget(): void {
    this.#waiting = undefined;
  }

  #add(ack: WaitingAck): void {
    this.#waiting ??= [];
    this.#waiting.push(ack);
  }

  /** Redis may have lost the message and have another one under its number: then the client sends it again (D5). */
  #isKept(seq: number, id: string): boolean {
    return (this.#delivered.tail.at(seq)?.id ?? id) === id;
  }
}
