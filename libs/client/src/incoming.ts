import type { DrainFrame, MessageFrame, ServerFrame, SessionFrame, WelcomeFrame } from '@holdfast/protocol';
import type { Connection } from './connection.js';
import type { Cursor } from './cursor.js';
import type { Emitter } from './emitter.js';
import type { ClientEvents } from './events.js';
import type { Keep } from './keep.js';
import type { Asked } from './link.js';
import type { Settings } from './options.js';
import type { Outgoing } from './outgoing.js';
import { Recent } from './recent.js';

/** Broadcasts remembered, so that a client on two links shows each once. */
const REMEMBERED_BROADCASTS = 100;

/** Everything a client receives, from a link's frames to the events of the application. */
export class Incoming {
  readonly #settings: Settings;
  readonly #keep: Keep;
  readonly #events: Emitter<ClientEvents>;
  readonly #outgoing: Outgoing;
  readonly #cursor: Cursor;
  readonly #connection: Pick<Connection, 'resync'>;
  readonly #broadcasts = new Recent<true>(REMEMBERED_BROADCASTS);
  /**
   * What the server calls this client: others may use the same ids. Every welcome tells; where one of an earlier
   * release does not, it is learned from the first message that comes back.
   */
  sender: string | undefined;

  constructor(
    settings: Settings,
    keep: Keep,
    events: Emitter<ClientEvents>,
    connection: Pick<Connection, 'resync'>,
    cursor: Cursor,
    outgoing: Outgoing,
  ) {
    this.#settings = settings;
    this.#keep = keep;
    this.#events = events;
    this.#outgoing = outgoing;
    this.#connection = connection;
    this.#cursor = cursor;
  }

  welcomed(frame: WelcomeFrame, asked: Asked, isNewLink: boolean): void {
    if (isNewLink) this.sender = frame.sender;
    // An open link that is welcomed again goes on from where this client is, whatever it asked for at first (D3).
    const { position } = this.#cursor;
    const broken = this.#cursor.welcome(frame, isNewLink || !position?.epoch ? asked : position.seq);
    this.#keepPosition();
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
        if (this.#cursor.heartbeat(frame.seq) || this.#outgoing.outbox.beat())
          this.#connection.resync('a message is missing');
        return;
      case 'session':
        return this.#session(frame);
      case 'error':
        this.#outgoing.refuse(frame);
        return this.#events.emit('refused', frame);
      case 'status':
        // What the gateway held is stored: an answer that has not come by now was trimmed.
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
        // The rest, and whatever a later release adds, is an event of the same name.
        this.#events.emit(frame.type as 'drain', frame as DrainFrame);
    }
  }

  #message(frame: MessageFrame): void {
    const { outbox } = this.#outgoing;
    const isOurs = outbox.has(frame.id) && (this.sender ?? frame.sender) === frame.sender;
    const verdict = this.#cursor.message(frame);
    if (verdict === 'gap') return this.#connection.resync('a message is missing');
    if (isOurs) this.sender = frame.sender;
    this.#keepPosition();
    if (verdict !== 'known') this.#events.emit(verdict === 'new' ? 'message' : 'update', this.#shown(frame));
    if (!isOurs) return;
    if (frame.pending) this.#outgoing.hold(frame.id);
    else if (frame.seq !== undefined || !this.#settings.redisPersistence) this.#outgoing.accept(frame.id, frame.seq);
  }

  #shown({ type: _type, ...message }: MessageFrame): ClientEvents['message'] {
    return { ...message, isSent: message.sender === this.sender, sessionId: this.#settings.sessionId };
  }

  #session(frame: SessionFrame): void {
    switch (frame.event) {
      case 'gap': {
        const missing = this.#cursor.gap(frame.from, frame.to);
        if (missing) this.#events.emit('gap', missing);
        break;
      }
      case 'reset':
        this.#cursor.reset(frame.epoch, frame.from);
        this.#events.emit('reset', frame);
        break;
      case 'expired':
        this.#cursor.expired();
        break;
      case 'extended':
      case 'expiring':
      case 'deleted':
        break;
    }
    this.#keepPosition();
    this.#events.emit('session', frame);
  }

  #keepPosition(): void {
    if (this.#settings.keepPosition) this.#keep.position = this.#cursor.kept;
  }

  /** The session was deleted. */
  forget(): void {
    this.#cursor.forget();
    this.#keepPosition();
  }
}
