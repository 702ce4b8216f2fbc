import type { DrainFrame, MessageFrame, ServerFrame, SessionFrame, WelcomeFrame } from '@holdfast/protocol';
import { BoundedMap } from './bounded-map.js';
import type { HistoryRequest } from './connect-target.js';
import type { Connection } from './connection.js';
import type { Cursor } from './cursor.js';
import type { Emitter } from './emitter.js';
import type { ClientEvents } from './events.js';
import type { Settings } from './options.js';
import type { Outgoing } from './outgoing.js';
import type { PersistentState } from './persistent-state.js';

/** Broadcasts whose ids are remembered, so that a client that receives on two links shows each once. */
const REMEMBERED_BROADCASTS = 100;

/** Turns the frames of the links into events of the application. */
export class Incoming {
  readonly #settings: Settings;
  readonly #saved: PersistentState;
  readonly #events: Emitter<ClientEvents>;
  readonly #outgoing: Outgoing;
  readonly #cursor: Cursor;
  readonly #connection: Pick<Connection, 'resync'>;
  readonly #broadcasts = new BoundedMap<true>(REMEMBERED_BROADCASTS);
  /**
   * The server's name for this client (C7). It tells this client's messages from those of others, who may use the same
   * ids. Every welcome has it; gateways of an earlier release leave it out, and then the first message of this client
   * that comes back has it.
   */
  sender: string | undefined;

  constructor(
    settings: Settings,
    saved: PersistentState,
    events: Emitter<ClientEvents>,
    connection: Pick<Connection, 'resync'>,
    cursor: Cursor,
    outgoing: Outgoing,
  ) {
    this.#settings = settings;
    this.#saved = saved;
    this.#events = events;
    this.#outgoing = outgoing;
    this.#connection = connection;
    this.#cursor = cursor;
  }

  welcomed(frame: WelcomeFrame, request: HistoryRequest, isNewLink: boolean): void {
    if (isNewLink) this.sender = frame.sender;
    // An open link that is welcomed again goes on from this client's position, whatever the link asked for (D3).
    const { position } = this.#cursor;
    const broken = this.#cursor.welcome(frame, isNewLink || !position?.epoch ? request : position.seq);
    this.#savePosition();
    this.#events.emit('welcome', frame);
    this.#events.emit('storage', frame.storage);
    if (broken) this.#events.emit(broken.event, broken.value);
  }

  received(frame: ServerFrame): void {
    switch (frame.type) {
      case 'message':
        return this.#message(frame);
      case 'ack':
        return this.#outgoing.accept(frame.id, frame.seq);
      case 'heartbeat':
        if (this.#cursor.heartbeat(frame.seq) || this.#outgoing.outbox.heartbeat())
          this.#connection.resync('a message is missing');
        return;
      case 'session':
        return this.#session(frame);
      case 'error':
        this.#outgoing.refuse(frame);
        return this.#events.emit('refused', frame);
      case 'status':
        // The gateway has stored the pending messages. An answer that has not arrived by now was trimmed.
        if (frame.storage === 'redis') {
          this.#outgoing.restart();
          this.#outgoing.flush();
        }
        return this.#events.emit('storage', frame.storage);
      case 'broadcast':
        if (frame.id !== undefined && this.#broadcasts.get(frame.id)) return;
        if (frame.id !== undefined) this.#broadcasts.set(frame.id, true);
        return this.#events.emit('broadcast', frame);
      default:
        // Every other frame, also one that a later release adds, is an event of the same name.
        this.#events.emit(frame.type as 'drain', frame as DrainFrame);
    }
  }

  #message(frame: MessageFrame): void {
    const { outbox } = this.#outgoing;
    // An earlier message of this client may have the id too: then the send is refused with `id_conflict` (V20).
    const isOurs = outbox.get(frame.id)?.content === frame.content && (this.sender ?? frame.sender) === frame.sender;
    const verdict = this.#cursor.message(frame);
    if (verdict === 'gap') return this.#connection.resync('a message is missing');
    if (isOurs) this.sender = frame.sender;
    this.#savePosition();
    if (verdict !== 'known') this.#events.emit(verdict === 'new' ? 'message' : 'update', this.#toMessage(frame));
    if (!isOurs) return;
    if (frame.pending) this.#outgoing.pending(frame.id);
    else if (frame.seq !== undefined || !this.#settings.redisPersistence) this.#outgoing.accept(frame.id, frame.seq);
  }

  #toMessage({ type: _type, ...message }: MessageFrame): ClientEvents['message'] {
    return { ...message, isSent: message.sender === this.sender, sessionId: this.#settings.sessionId };
  }

  #session(frame: SessionFrame): void {
    switch (frame.event) {
      case 'gap': {
        const missing = this.#cursor.gap(frame.from, frame.to);
        if (missing === 'unknown') return this.#connection.resync('a message is missing');
        if (missing) this.#events.emit('gap', missing);
        break;
      }
      case 'reset':
        this.#events.emit('reset', { ...frame, from: this.#cursor.reset(frame.epoch, frame.from) });
        break;
      case 'expired':
        this.#cursor.expired();
        break;
      case 'extended':
      case 'expiring':
      case 'deleted':
        break;
    }
    this.#savePosition();
    this.#events.emit('session', frame);
  }

  #savePosition(): void {
    if (this.#settings.keepPosition) this.#saved.position = this.#cursor.kept;
  }

  /** Call when the session was deleted. */
  forget(): void {
    this.#cursor.forget();
    this.#savePosition();
  }
}
