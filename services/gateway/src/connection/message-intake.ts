import type { ErrorCode, Position, SignalSendFrame } from '@holdfast/protocol';
import { encodeSignal, encodeUnstored, type NewMessage, unstoredFrame } from '@holdfast/session-store';
import type { Member } from '../ports/member.js';
import type { Room } from '../room/room.js';
import type { GatewayContext } from '../rooms/gateway-context.js';
import { RecentMap } from '../shared/recent-map.js';
import type { Identity } from './identity.js';
import type { ClientMessage } from './inbound.js';
import type { SendLimits } from './send-limits.js';

/** A member that sends: a {@link Connection} in its room. */
export type SendingMember = Member & Identity;

/** Why a message is not taken now, and after how many milliseconds it may come again (V11). */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs: number;
}

/** What the intake uses of its gateway. */
type IntakeContext = Pick<GatewayContext, 'clock' | 'fanOut' | 'metrics' | 'names' | 'unstored'>;

const OVERTAKES = 'an earlier message of this connection has to be sent again first';
/** The wait that a refused sender is told, milliseconds. */
const RETRY_AFTER_MS = 1_000;
/** Bytes that a message is counted with beside its content, for its objects and its id. */
const MESSAGE_OVERHEAD_BYTES = 200;

/**
 * Takes what members send into the session. A message of a persistent member goes into its room's append queue, which
 * stores it; any other message, and every signal, is published on the session's channel without being stored. Messages
 * of one member keep their order.
 */
export class MessageIntake {
  readonly #context: IntakeContext;
  readonly #counts: UnstoredCounts;
  #idsMade = 0;

  /** @param counts numbers the messages that are not stored */
  constructor(context: IntakeContext, counts: UnstoredCounts) {
    this.#context = context;
    this.#counts = counts;
  }

  /**
   * Takes one message; tells the sender when it cannot be taken (V11).
   *
   * @param limits the sender's
   * @param arrivedMs when its frame came, monotonic milliseconds
   */
  send(sender: SendingMember, room: Room, sent: ClientMessage, limits: SendLimits, arrivedMs: number): void {
    const waitMs = limits.waitMs(sent.id, arrivedMs);
    if (waitMs > 0) return this.refuse(sender, sent, notStored(OVERTAKES, waitMs), limits, arrivedMs);
    const id = sent.id ?? this.#nextId(sender.connectionId);
    const head = `"content":${sent.contentJson},"sender":"${sender.sender}","timestamp":`;
    const message = { id, senderKey: sender.senderKey, head };
    const taken = sender.persistent
      ? room.queue.push({
          member: sender,
          message: sent.retry === undefined ? message : { ...message, retry: searchFrom(sent.retry, room) },
          bytes: head.length + MESSAGE_OVERHEAD_BYTES,
          arrivedMs,
          clientId: sent.id,
        })
      : this.#publish(sender, room, message, sent.id);
    if (taken) this.#context.metrics.counters.messagesIn += 1;
    else this.refuse(sender, sent, notStored('too many messages of this session wait'), limits, arrivedMs);
  }

  /** A message cannot be taken now: those that its sender has sent behind it must not overtake it (V20). */
  refuse(
    sender: Member,
    { id }: { readonly id?: string | undefined },
    refusal: Refusal,
    limits: SendLimits,
    nowMs: number,
  ): void {
    const { counters } = this.#context.metrics;
    counters.messagesIn += 1;
    counters.refused += 1;
    tell(sender, id, refusal);
    if (id !== undefined) limits.refused(id, refusal.retryAfterMs, nowMs, sender.bufferedBytes() > 0);
  }

  /**
   * Publishes a signal (V10). One that is lost, or that the outage buffer has no room for (D2), is not repeated, because
   * a signal is worth nothing later.
   */
  signal(sender: SendingMember, room: Room, { name, data = null }: SignalSendFrame): void {
    const frame = JSON.stringify({ type: 'signal', sender: sender.sender, name, data });
    const payload = encodeSignal(sender.connectionId, frame);
    const bytes = payload.length;
    if (!this.#context.unstored.take(room.sessionId, bytes)) return;
    this.#pass(room, payload, bytes, (error) => room.context.shard.failed(error));
  }

  /** @returns false when the outage buffer has no room for it (D2) */
  #publish(sender: SendingMember, room: Room, { id, head }: NewMessage, clientId: string | undefined): boolean {
    const { clock, metrics, unstored } = this.#context;
    const { shard } = room.context;
    const isLocal = shard.away;
    const bytes = head.length + MESSAGE_OVERHEAD_BYTES;
    if (!isLocal && !unstored.take(room.sessionId, bytes)) return false;
    const nowMs = clock.now();
    const count = this.#counts.next(room.sessionId, nowMs);
    const payload = encodeUnstored(count, sender.senderKey, unstoredFrame(id, `${head}${nowMs}}`));
    metrics.counters.published += 1;
    metrics.counters.ephemeral += 1;
    // Without Redis the chat goes on among the members of this gateway (D1).
    if (isLocal) room.receive(Buffer.from(payload));
    else {
      this.#pass(room, payload, bytes, (error) => {
        shard.failed(error);
        tell(sender, clientId, notStored('the message could not be passed on'));
      });
    }
    return true;
  }

  /** Publishes what is not stored. @param bytes of the outage buffer, which it gives back when Redis has answered */
  #pass({ sessionId }: Room, payload: string, bytes: number, failed: (error: unknown) => void): void {
    const { fanOut, names, unstored } = this.#context;
    fanOut.publish(names.liveChannel(sessionId), payload).then(
      () => unstored.give(sessionId, bytes),
      (error: unknown) => {
        unstored.give(sessionId, bytes);
        failed(error);
      },
    );
  }

  /** An id for a message of the plain protocol: unique because the connection's id is. */
  #nextId(connectionId: string): string {
    this.#idsMade += 1;
    return `${connectionId}-${this.#idsMade.toString(36)}`;
  }
}

/** Sessions whose counts are remembered in any case; twice as many take at most 60 MB. */
const COUNTED_SESSIONS = 100_000;

/**
 * Message counts of sessions without persistence. Each gateway counts the messages of its own members, and forgets a
 * session's count when no message has come for the session ttl, or earlier when messages of very many other sessions
 * have come since (S3).
 */
export class UnstoredCounts {
  readonly #counts: RecentMap<number>;

  /**
   * @param ttlMs how long a count is kept after its last message, milliseconds
   * @param most how many sessions are remembered in any case
   */
  constructor(ttlMs: number, most = COUNTED_SESSIONS) {
    this.#counts = new RecentMap({ keepMs: ttlMs, most });
  }

  /** Sessions whose counts take memory. */
  get size(): number {
    return this.#counts.size;
  }

  /** Counts one message. @returns its number, from 1 */
  next(sessionId: string, nowMs: number): number {
    const count = this.of(sessionId, nowMs) + 1;
    this.#counts.set(sessionId, count, nowMs);
    return count;
  }

  /** The number of the session's last message; 0 when there was none. */
  of(sessionId: string, nowMs: number): number {
    return this.#counts.get(sessionId, nowMs) ?? 0;
  }

  /** Forgets the counts whose time is over. Called about once a second, with the clock of {@link next}. */
  sweep(nowMs: number): void {
    this.#counts.forgetOld(nowMs);
  }
}

/** Where to search the log for a retry (A4). A position that the room has not reached, or of another epoch, is no use. */
function searchFrom(
  claimed: NonNullable<ClientMessage['retry']>,
  { delivered: { position } }: Room,
): Position | 'anywhere' {
  if (claimed === 'anywhere' || !position) return 'anywhere';
  return claimed.epoch === position.epoch && claimed.seq <= position.seq ? claimed : 'anywhere';
}

function notStored(message: string, retryAfterMs = RETRY_AFTER_MS): Refusal {
  return { code: 'not_stored', message, retryAfterMs };
}

function tell(sender: Member, clientId: string | undefined, refusal: Refusal): void {
  sender.tell({ type: 'error', ...refusal, ...(clientId === undefined ? {} : { id: clientId }) });
}
