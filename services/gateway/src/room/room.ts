import { CLOSE, type Position, type StorageState } from '@holdfast/protocol';
import {
  decodeLive,
  type LiveMessage,
  type LivePayload,
  NOWHERE,
  type SessionEvent,
  type StoredSession,
} from '@holdfast/session-store';
import type { Member } from '../ports/member.js';
import type { RoomContext } from '../shared/gateway-context.js';
import { AppendQueue } from './append/append-queue.js';
import type { Sending } from './append/batch.js';
import { Audience } from './delivery/audience.js';
import { showPending } from './delivery/show-pending.js';
import { Tail } from './delivery/tail.js';
import { Expiry } from './expiry.js';
import { LastWord } from './last-word.js';
import { sayAgain } from './say-again.js';
import { type KnownSession, knownOf } from './sync/repair.js';
import { Sync } from './sync/sync.js';
import { type WaitingAck, WaitingAcks } from './waiting-acks.js';

/** Payloads held while a sync runs; beyond them the sync reads again. */
const HELD_MAX = 1_000;

/**
 * One session on this gateway: delivers in `seq` order and knows its position (F2). Whatever arrives that does not
 * follow on it starts a {@link Sync}, which alone moves the position by another way than delivery.
 */
export class Room {
  readonly audience: Audience;
  readonly queue: AppendQueue;
  readonly expiry: Expiry;
  readonly lastWord: LastWord;
  readonly sync: Sync;
  readonly tail: Tail;
  /** Made with the first. */
  #waitingAcks: WaitingAcks | undefined;
  #position: Position | undefined;
  #known: KnownSession | undefined;
  #storage: StorageState = 'redis';
  #firstSeq = 0;
  #held: Extract<LivePayload, { kind: 'stored' }>[] | undefined;
  #heldOverflow = false;

  constructor(
    readonly sessionId: string,
    readonly context: RoomContext,
  ) {
    this.tail = new Tail(context.historyMax, context.tailBudget);
    this.audience = new Audience(this, context);
    this.queue = new AppendQueue(this, context);
    this.expiry = new Expiry(this, context);
    this.lastWord = new LastWord(this, context);
    this.sync = new Sync(this, context);
  }

  /** Where the room is; nothing before it was first synced, which rooms without persistent members never are. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** The session as Redis last told it: what a lost one is restored from (G2). */
  get known(): KnownSession | undefined {
    return this.#known;
  }

  noteSession(session: StoredSession): void {
    this.#known = knownOf(session);
  }

  /** `memory` while messages cannot be stored. */
  get storage(): StorageState {
    return this.#storage;
  }

  /** Newest number delivered; 0 when there is none. */
  get seq(): number {
    return this.#position?.seq ?? 0;
  }

  /** Oldest number the log keeps; 0 when there is none. */
  get firstSeq(): number {
    return this.#firstSeq === 0 ? 0 : Math.max(this.#firstSeq, this.seq - this.context.historyMax + 1);
  }

  /** Takes what the session's channel brought. */
  receive(payload: Buffer): void {
    const { sessionId } = this;
    try {
      const live = decodeLive(payload);
      if (live) this.#take(live);
      else this.context.logger.warn({ sessionId }, 'Payload on a live channel cannot be read');
    } catch (err) {
      // Whoever can publish could end the process otherwise.
      this.context.logger.error({ err, sessionId }, 'Payload on a live channel cannot be taken');
      if (this.#position) this.sync.request('gap');
    }
  }

  #take(live: LivePayload): void {
    switch (live.kind) {
      case 'stored':
        return this.#receiveStored(live);
      case 'unstored':
        this.context.metrics.counters.received += 1;
        return this.audience.deliver([{ seq: live.count, ...live.message }]);
      case 'signal':
        return this.#signal(live.from, live.frame);
      case 'session':
        return this.#receiveEvent(live.event);
    }
  }

  /** Delivers a run of messages that follows on the position; called by the sync with what it read. */
  deliverNext(epoch: string, messages: readonly LiveMessage[]): void {
    const last = messages.at(-1);
    if (!last) return;
    this.tail.push(messages);
    this.#position = { epoch, seq: last.seq, id: last.id };
    if (this.#firstSeq === 0) this.#firstSeq = messages[0]?.seq ?? 0;
    this.audience.deliver(messages);
    this.queue.pace.delivered(this.audience.listeners);
    this.queue.timer.delivered(messages[0] ?? last);
    this.#waitingAcks?.settle(last.seq, 'delivered');
  }

  /** Places the room without delivering: what it then holds is what it knows. */
  moveTo(position: Position | undefined, firstSeq: number): void {
    if (this.#position !== NOWHERE && this.#position?.epoch !== position?.epoch) this.#waitingAcks = undefined;
    this.#position = position;
    this.#firstSeq = firstSeq;
    if (position?.seq !== this.tail.lastSeq) this.tail.clear();
    this.#waitingAcks?.settle(this.seq, 'skipped');
  }

  noteFirstSeq(firstSeq: number): void {
    this.#firstSeq = firstSeq;
  }

  /** Applies what arrived while a sync ran. @returns whether the sync has to read again */
  releaseHeld(): boolean {
    const held = this.#held ?? [];
    this.#held = undefined;
    const overflow = this.#heldOverflow;
    this.#heldOverflow = false;
    for (const payload of held) if (!this.#apply(payload)) return true;
    return overflow;
  }

  /** An append was answered. */
  stored(epoch: string, seq: number): void {
    this.lastWord.stored();
    this.context.publishWatch.expect(this, epoch, seq);
  }

  /** An append's publish found no subscriber. Without members here that is as it should be. */
  heardByNobody(epoch: string, from: number): void {
    if (!this.audience.isEmpty) void sayAgain(this, this.context, epoch, from);
  }

  hasDelivered(epoch: string, seq: number): boolean {
    return this.#position?.epoch === epoch && this.seq >= seq;
  }

  /** Answers a repeated send (V4) once the room has delivered the message (F7). */
  acknowledge(member: Member, id: string, seq: number): void {
    if (seq <= this.seq) member.tell({ type: 'ack', id, seq });
    else this.#answerLater({ member, id, seq, ifSkipped: false });
  }

  /** Answers a send whose own frame, which would be the answer, is not going to come (V7). */
  acknowledgeIfSkipped(member: Member, id: string, seq: number): void {
    if (seq > this.seq) this.#answerLater({ member, id, seq, ifSkipped: true });
  }

  #answerLater(ack: WaitingAck): void {
    this.#waitingAcks ??= new WaitingAcks(this.tail);
    this.#waitingAcks.add(ack);
  }

  /** The session has ended of itself: members are told once, the next message starts a new epoch at 1 (T2, G3). */
  expired(): void {
    if (!this.#position || this.#position === NOWHERE) return;
    this.audience.giveUpHistory();
    this.queue.answerKnown();
    this.#forget();
    this.audience.tellAll({ type: 'session', event: 'expired' });
  }

  /** The session was deleted: members are told and closed (V7). */
  deleted(): void {
    if (this.#position && this.#position !== NOWHERE) this.context.deletions.note(this.sessionId, this.#position.epoch);
    this.queue.deleted();
    this.#forget();
    this.audience.tellAll({ type: 'session', event: 'deleted' });
    this.audience.closeAll(CLOSE.sessionDeleted);
  }

  /** Redis is away: chat goes on among the members here (D1). */
  outage(): void {
    if (this.#storage === 'memory') return;
    this.#storage = 'memory';
    this.audience.tellAll({ type: 'status', storage: 'memory' });
    this.queue.suspend();
  }

  /** Redis is back, and everything that waited is stored (D3). */
  restored(): void {
    if (this.#storage === 'redis') return;
    this.#storage = 'redis';
    this.audience.tellAll({ type: 'status', storage: 'redis' });
  }

  /** Shows members a message that is not stored yet (V3). @param place its place among those that wait, from 1 */
  showPending({ message, member: sender }: Sending, place: number): void {
    // Its append may have been heard before its answer was lost.
    if (this.tail.find(message.senderKey, message.id) !== undefined) return;
    showPending(this, sender, message, this.seq + place, this.context.clock.now());
  }

  /** Gives back what the room holds of shared budgets. */
  dispose(): void {
    this.tail.clear();
    this.sync.stop();
    this.queue.stop();
  }

  #receiveStored(payload: Extract<LivePayload, { kind: 'stored' }>): void {
    this.context.metrics.counters.received += payload.messages.length;
    this.lastWord.heard();
    if (this.sync.running) {
      this.#held ??= [];
      if (this.#held.length < HELD_MAX) this.#held.push(payload);
      else this.#heldOverflow = true;
    } else if (!this.#position) {
      // Nobody here asked for stored messages: they are passed on as they come.
      this.audience.deliver(payload.messages);
    } else if (!this.#apply(payload)) {
      this.sync.request('gap');
    }
  }

  /** Delivers what a payload adds. @returns false when it does not fit the position: it skips ahead or contradicts */
  #apply({ before, messages }: Extract<LivePayload, { kind: 'stored' }>): boolean {
    const position = this.#position;
    if (!position || before.epoch !== position.epoch || before.seq > position.seq) return false;
    if (this.#contradicts(before.seq, before.id)) return false;
    const known = before.seq === position.seq ? [] : messages.slice(0, position.seq - before.seq);
    // What it has passed and forgotten may have been another one: the log tells.
    if (known.some(({ seq, id }) => this.#idAt(seq) === undefined || this.#contradicts(seq, id))) return false;
    this.deliverNext(before.epoch, known.length === 0 ? messages : messages.slice(known.length));
    if (messages.length > 0) this.expiry.refreshed();
    // Redis did not know what came before: it has lost the log, which is healed by those that have it (G2).
    if (before.id === '' && this.tail.at(before.seq)) this.sync.request('gap');
    return true;
  }

  /** What was delivered under a number; nothing where that is not remembered. */
  #idAt(seq: number): string | undefined {
    return seq === this.seq ? (this.#position?.id ?? '') : this.tail.at(seq)?.id;
  }

  /** Whether another id was delivered under a number; unknown numbers contradict nothing. */
  #contradicts(seq: number, id: string): boolean {
    const known = this.#idAt(seq) ?? '';
    return known !== '' && id !== '' && known !== id;
  }

  #signal(from: string, frame: Buffer): void {
    for (const member of this.audience.members()) {
      if (member.presence && member.connectionId !== from) member.write([frame]);
    }
  }

  #receiveEvent(event: SessionEvent): void {
    if (event.event === 'extended') {
      this.expiry.confirmed(event.ttl * 1000, event.ttl);
      this.audience.tellAll({ type: 'session', event: 'extended', ttl: event.ttl });
    } else if (event.event === 'epoch') {
      if (this.#position && event.epoch !== this.#position.epoch) this.sync.request('epoch');
    } else {
      // Also where it is not this room's epoch, or not known yet: an old copy could bring it back (G5).
      if (event.epoch !== '') this.context.deletions.note(this.sessionId, event.epoch);
      const { epoch } = this.#position ?? NOWHERE;
      const isThis = event.epoch === '' || (epoch !== '' && epoch <= event.epoch);
      if (!this.#position || isThis) this.deleted();
    }
  }

  #forget(): void {
    this.#position = NOWHERE;
    this.#firstSeq = 0;
    this.#waitingAcks = undefined;
    this.tail.clear();
    this.expiry.forget();
  }
}
