import type { Position } from '@holdfast/protocol';
import type { Member } from '../../ports/member.js';
import type { Sending } from './batch.js';

/** What the queue needs of its room. */
export interface AppendRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly tail: { readonly firstSeq: number; find(senderKey: string, id: string): number | undefined };
  /** Shows members here a message that is not stored yet (V3). @param place among those that wait, from 1 */
  showPending(sending: Sending, place: number): void;
  readonly sync: { run(reason: 'open' | 'gone' | 'epoch' | 'behind' | 'forked'): Promise<void> };
  readonly expiry: { confirmed(remainingMs: number, ttl: number, askedMs: number): void };
  /** An append was answered: its newest message has to be heard soon (F2). */
  stored(epoch: string, seq: number): void;
  /** What was stored from a number on was published, and no subscriber counted (A7). */
  heardByNobody(epoch: string, from: number): void;
  acknowledge(member: Member, id: string, seq: number): void;
  /** Answers a send whose own frame, which would be the answer, is not going to come (V7). */
  acknowledgeIfSkipped(member: Member, id: string, seq: number): void;
  deleted(): void;
}
