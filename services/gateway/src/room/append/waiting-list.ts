import type { Position } from '@holdfast/protocol';
import { hasHead, type NewMessage, NOWHERE } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import type { Member } from '../../ports/member.js';
import { BATCH_BYTES } from '../../shared/append-scheduler.js';
import type { ByteBudget } from '../../shared/memory-budgets.js';
import type { DeliveredHistory } from '../delivery/delivered-history.js';

/** A member's message on its way into the log. */
export interface Sending {
  readonly member: Member;
  /** The id that the member chose; absent on the plain protocol, where the gateway chooses one. */
  readonly clientId?: string | undefined;
  readonly message: NewMessage;
  /** What the message takes of the outage buffer (D2). */
  readonly bytes: number;
  /** When the member's frame arrived; monotonic milliseconds. */
  readonly arrivedMs: number;
}

/** A message in the list. */
export interface Waiting extends Sending {
  /** The room's position when the message came. Another gateway can have stored it only after that position (A4). */
  readonly since: Position | undefined;
}

/** A send whose name a delivered message has, and that message's number. */
export interface DeliveredSend {
  readonly sending: Sending;
  readonly seq: number;
  /** Whether the delivered message has another content: then the send is no repetition of it. */
  readonly isConflict: boolean;
}

/** What the list uses of its gateway. */
export interface WaitingListContext {
  readonly metrics: { readonly gauges: Pick<GatewayMetrics['gauges'], 'unstoredMessages'> };
  /** The outage buffer: bytes of messages taken from members that Redis has not answered yet, over all sessions (D2). */
  readonly unstored: ByteBudget;
}

/** The id is that of another message of the same sender (A4): the code and the sentence that its sender is told. */
export const CONFLICT = ['id_conflict', 'another message of yours has this id'] as const;
/** Bound of one append beside its bytes, so that no script call holds Redis up. */
const BATCH_MESSAGES = 128;
/** Shared, because almost every batch has none. */
const NONE_DELIVERED: readonly DeliveredSend[] = [];

/** The messages of one session that are not stored yet, in the order in which they came. */
export class WaitingList {
  readonly #delivered: DeliveredHistory;
  readonly #context: WaitingListContext;
  #messages: Waiting[] = [];
  #bytes = 0;
  /** How many, from the first on, members here have been shown as pending. */
  #shown = 0;

  constructor(delivered: DeliveredHistory, context: WaitingListContext) {
    this.#delivered = delivered;
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  get length(): number {
    return this.#messages.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether members here were shown messages that are not stored yet. */
  get hasShown(): boolean {
    return this.#shown > 0;
  }

  /** @returns false when the outage buffer has no room for it (D2) */
  add({ member, clientId, message, bytes, arrivedMs }: Sending): boolean {
    if (!this.#context.unstored.take(this.#delivered.sessionId, bytes)) return false;
    this.#messages.push({ member, clientId, message, bytes, arrivedMs, since: this.#delivered.position });
    this.#context.metrics.gauges.unstoredMessages += 1;
    this.#bytes += bytes;
    return true;
  }

  /** The messages of the next append: the first ones, within its bounds. @param most defaults to the bound */
  first(most = BATCH_MESSAGES): readonly Waiting[] {
    let bytes = 0;
    let end = 0;
    for (; end < this.length && end < most && bytes < BATCH_BYTES; end++) bytes += this.#messages[end]?.bytes ?? 0;
    return this.#messages.slice(0, end);
  }

  /** All from a place on; places count from 0. */
  from(place: number): readonly Waiting[] {
    return this.#messages.slice(place);
  }

  /** @param near where the search begins; it goes on from the first place. @returns −1 where the message is not here */
  placeOf(waiting: Waiting, near: number): number {
    const place = this.#messages.indexOf(waiting, near);
    return place < 0 ? this.#messages.indexOf(waiting) : place;
  }

  /** Lets a message be answered to another connection of its sender. @returns the message as it waits now */
  moveTo(member: Member, place: number): Waiting | undefined {
    const before = this.#messages[place];
    if (!before) return undefined;
    const moved = { ...before, member };
    this.#messages[place] = moved;
    return moved;
  }

  /**
   * Shows every message that has not been shown yet.
   *
   * @param inFlight how many, from the first on, are on their way to the store
   * @param show gets the message and its place, from 1
   */
  showRest(inFlight: number, show: (sending: Sending, place: number) => void): void {
    for (; this.#shown < this.length; this.#shown++) {
      const waiting = this.#messages[this.#shown];
      if (!waiting) return;
      // Another gateway may have stored it by the time Redis is back, because its sender may have moved there (D3).
      if (this.#shown >= inFlight) this.#messages[this.#shown] = asRetry(waiting, waiting.since ?? NOWHERE);
      show(waiting, this.#shown + 1);
    }
  }

  /** Recognises messages that the room has delivered, and takes them out: an earlier attempt was stored (A4). */
  takeDelivered(candidates: readonly Waiting[]): readonly DeliveredSend[] {
    let taken: DeliveredSend[] | undefined;
    for (const sending of candidates) {
      const delivered = this.findDelivered(sending);
      if (!delivered) continue;
      taken ??= [];
      taken.push(delivered);
      this.remove([sending]);
    }
    return taken ?? NONE_DELIVERED;
  }

  /** Looks for a send among the messages that the room has delivered. */
  findDelivered(sending: Sending): DeliveredSend | undefined {
    const { tail } = this.#delivered;
    const { senderKey, id, head } = sending.message;
    const seq = tail.find(senderKey, id);
    if (seq === undefined) return undefined;
    const delivered = tail.at(seq);
    return { sending, seq, isConflict: delivered !== undefined && !hasHead(delivered, head) };
  }

  /**
   * Marks first sends that may be stored already without this room's knowledge (A4): while a message waits here, its
   * client may connect to another gateway and send it again there. Where the tail reaches back to when the message came,
   * {@link takeDelivered} has recognised such a message; otherwise the store has to look for it.
   */
  markUnknown(batch: readonly Waiting[]): readonly Waiting[] {
    const { position, tail } = this.#delivered;
    return this.markRetries(batch, ({ since = NOWHERE }) => {
      const tailReaches = since.seq === position?.seq || (tail.firstSeq > 0 && tail.firstSeq <= since.seq + 1);
      return tailReaches && since.epoch === position?.epoch ? undefined : since;
    });
  }

  /**
   * Marks first sends as repeated, so that the store looks for an earlier attempt first (A4).
   *
   * @param batch the first messages of the list
   * @param after the position after which an earlier attempt of a send would be stored; `undefined`: there was none
   */
  markRetries(batch: readonly Waiting[], after: (sending: Waiting) => Position | undefined): readonly Waiting[] {
    if (!batch.some((sending) => sending.message.retry === undefined && after(sending))) return batch;
    const marked = batch.map((sending) => asRetry(sending, after(sending)));
    this.#messages.splice(0, batch.length, ...marked);
    return marked;
  }

  /** @param settled neighbours in the list */
  remove(settled: readonly Waiting[]): void {
    const [first] = settled;
    if (!first) return;
    const at = this.#messages.indexOf(first);
    this.#messages.splice(at, settled.length);
    this.#shown -= Math.max(0, Math.min(this.#shown - at, settled.length));
    this.#context.metrics.gauges.unstoredMessages -= settled.length;
    const freed = settled.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#context.unstored.give(this.#delivered.sessionId, freed);
    this.#bytes -= freed;
  }
}

function asRetry(waiting: Waiting, after: Position | undefined): Waiting {
  if (waiting.message.retry !== undefined || !after) return waiting;
  return { ...waiting, message: { ...waiting.message, retry: after.epoch === '' ? 'anywhere' : after } };
}
