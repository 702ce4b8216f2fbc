import type { Position, SignalSendFrame } from '@holdfast/protocol';
import { encodeSignal, encodeUnstored, liveChannel, unstoredFrame } from '@holdfast/session-store';
import type { Room } from '../room/room.js';
import type { GatewayContext } from '../shared/gateway-context.js';
import type { Connection } from './connection.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { UnstoredCounts } from './unstored-counts.js';

/** When a refused send may be tried again. */
const RETRY_AFTER_MS = 1_000;
/** What a message costs in the buffer beside its content. */
const MESSAGE_OVERHEAD_BYTES = 200;

/** Renders what members send, and hands it to the session's queue, or, without persistence, to the fan-out. */
export class MessageIntake {
  readonly #context: GatewayContext;
  readonly #counts: UnstoredCounts;
  #made = 0;

  constructor(context: GatewayContext, counts: UnstoredCounts) {
    this.#context = context;
    this.#counts = counts;
  }

  send(connection: Connection, room: Room, outgoing: OutgoingMessage): void {
    const id = outgoing.id ?? this.#nextId(connection.connectionId);
    const head = `"content":${outgoing.contentJson},"sender":${connection.senderJson},"timestamp":`;
    if (!connection.persistent) return this.#publish(connection, room, id, head, outgoing.id);
    const message = { id, senderKey: connection.senderKey, head };
    const taken = room.queue.push({
      member: connection,
      message: outgoing.retry === undefined ? message : { ...message, retry: lookAfter(outgoing.retry, room) },
      bytes: head.length + MESSAGE_OVERHEAD_BYTES,
      arrivedMs: outgoing.arrivedMs,
      clientId: outgoing.id,
    });
    if (taken) return;
    this.#context.metrics.counters.refused += 1;
    refuse(connection, outgoing.id, 'too many messages wait to be stored');
  }

  signal(connection: Connection, room: Room, { name, data = null }: SignalSendFrame): void {
    const frame = JSON.stringify({ type: 'signal', sender: connection.sender, name, data });
    const payload = encodeSignal(connection.connectionId, frame);
    this.#context.fanOut.publish(liveChannel(room.sessionId), payload).catch((error: unknown) => {
      // A signal is worth nothing later: it is not repeated and its sender is not told.
      room.context.storage.failed(error);
    });
  }

  #publish(connection: Connection, room: Room, id: string, head: string, clientId: string | undefined): void {
    const { sessionId } = room;
    const { clock, fanOut, metrics } = this.#context;
    const { storage } = room.context;
    const nowMs = clock.now();
    const count = this.#counts.next(sessionId, nowMs);
    const payload = encodeUnstored(count, connection.senderKey, unstoredFrame(id, `${head}${nowMs}}`));
    metrics.counters.published += 1;
    metrics.counters.ephemeral += 1;
    // Chat goes on among the members here (D1).
    if (storage.away) return room.receive(Buffer.from(payload));
    fanOut.publish(liveChannel(sessionId), payload).catch((error: unknown) => {
      storage.failed(error);
      refuse(connection, clientId, 'the message could not be passed on');
    });
  }

  /** Ids of plain messages: unique, because the connection's is. */
  #nextId(connectionId: string): string {
    this.#made += 1;
    return `${connectionId}-${this.#made.toString(36)}`;
  }
}

/** A position that the room has not reached, or of another epoch, does not tell where to look for a retry (A4). */
function lookAfter(claimed: NonNullable<OutgoingMessage['retry']>, { position }: Room): Position | 'anywhere' {
  if (claimed === 'anywhere' || !position) return 'anywhere';
  return claimed.epoch === position.epoch && claimed.seq <= position.seq ? claimed : 'anywhere';
}

function refuse(connection: Connection, clientId: string | undefined, message: string): void {
  const id = clientId === undefined ? {} : { id: clientId };
  connection.tell({ type: 'error', code: 'not_stored', message, ...id, retryAfterMs: RETRY_AFTER_MS });
}
