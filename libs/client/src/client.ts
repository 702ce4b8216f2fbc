import { type Position, SESSION_DELETED_CODE, type WelcomeFrame } from '@holdfast/protocol';
import { connectTarget } from './connect-url.js';
import { Connection } from './connection.js';
import type { ConnectionState } from './connection-state.js';
import { Cursor } from './cursor.js';
import { Emitter } from './emitter.js';
import type { ChatMessage, ClientEvents } from './events.js';
import { Incoming } from './incoming.js';
import { Keep } from './keep.js';
import type { Target } from './link.js';
import { messageStream } from './message-stream.js';
import { type HoldfastClientOptions, type Settings, settle } from './options.js';
import type { OutboxEntry } from './outbox.js';
import { Outgoing, type Sending } from './outgoing.js';
import { SECRET_BYTES } from './random-id.js';

/**
 * A member of one session: connects, connects again, resumes, keeps what is not accepted, shows nothing twice.
 *
 * With `redisPersistence` a message is accepted exactly once. Without, nothing is stored to compare with: a message
 * whose acknowledgement was lost with its connection is sent again and may reach members twice (clients of this class
 * drop the second by its id), and a member misses what is said while it is not connected.
 */
export class HoldfastClient {
  readonly #settings: Settings;
  readonly #events = new Emitter<ClientEvents>();
  readonly #client: string;
  readonly #cursor: Cursor;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #connection: Connection;
  #token: HoldfastClientOptions['token'];
  #session: WelcomeFrame | undefined;

  /** @throws TypeError for an option of the wrong form. Does not connect yet. */
  constructor(options: HoldfastClientOptions) {
    const settings = settle(options);
    this.#settings = settings;
    this.#token = options.token;
    const keep = new Keep(settings, (error) => this.#events.emit('storageError', error));
    this.#client = settings.client ?? keep.secret(() => settings.newId(SECRET_BYTES));
    this.#cursor = new Cursor(settings.rememberedIds, settings.keepPosition ? keep.position : undefined);
    this.#connection = new Connection(settings, {
      target: () => this.#target(),
      welcomed: (frame, asked, isNewLink) => {
        this.#session = frame;
        this.#outgoing.maxMessageBytes = frame.maxMessageBytes;
        if (isNewLink) this.#outgoing.restart();
        this.#incoming.welcomed(frame, asked, isNewLink);
      },
      received: (frame) => this.#incoming.received(frame),
      writable: () => this.#outgoing.flush(),
      isSettled: () => this.#outgoing.outbox.underWay === 0,
      changed: (state) => this.#changed(state),
    });
    this.#outgoing = new Outgoing(settings, keep, this.#events, this.#connection, this.#cursor);
    this.#incoming = new Incoming(settings, keep, this.#events, this.#connection, this.#cursor, this.#outgoing);
  }

  get sessionId(): string {
    return this.#settings.sessionId;
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** The newest welcome; absent before the first. */
  get session(): WelcomeFrame | undefined {
    return this.#session;
  }

  /** What the server calls this client in its messages (C7); known from the first welcome on. */
  get sender(): string | undefined {
    return this.#incoming.sender;
  }

  /** Where this client is in the history (K6). Absent without persistence and before the first welcome. */
  get position(): Position | undefined {
    return this.#cursor.position;
  }

  /** What has not been accepted yet, oldest first. */
  get outbox(): readonly OutboxEntry[] {
    return this.#outgoing.outbox.entries();
  }

  /** @returns takes the listener away again. What a listener throws becomes an uncaught error. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** The messages from now on, each once; ends when the client is closed. */
  [Symbol.asyncIterator](): AsyncGenerator<ChatMessage, void> {
    return messageStream(this.#events);
  }

  /** Connects, unless it is connected or about to be; out of the wait between two attempts at once. */
  connect(): void {
    this.#connection.connect();
  }

  /** Closes for good, until {@link connect}. Results still open become `closed`; the outbox is kept. */
  close(): void {
    this.#connection.close();
  }

  /** Call when the network may have changed (a browser's `online`, a page that is shown again). */
  wake(): void {
    this.#connection.wake();
  }

  /**
   * Sends a message, now or as soon as there is a connection; keeps it, and sends it again, until it is accepted.
   *
   * @param id 1–64 of the characters of C2, never used before by this client; made up when absent
   * @throws TypeError for an id of the wrong form or used before
   */
  send(content: string, id?: string): Sending {
    return this.#outgoing.send(content, id);
  }

  /** Tells the other members something that is not stored, such as typing (V21). Lost when not connected. */
  signal(name: string, data?: unknown): void {
    this.#connection.send({ type: 'signal', name, data });
  }

  /** Replaces the token, on the open connection (V22) and for those to come. */
  setToken(token: string | (() => string | Promise<string>)): void {
    this.#token = token;
    if (typeof token === 'string') this.#connection.send({ type: 'auth', token });
  }

  #target(): Target | Promise<Target> {
    const cursor = this.#cursor;
    const target = (token: string | undefined): Target =>
      connectTarget(this.#settings, this.#client, cursor.ask(this.#settings.history), cursor.position, token);
    const token = typeof this.#token === 'function' ? this.#token() : this.#token;
    return token instanceof Promise ? token.then(target) : target(token);
  }

  #changed(state: ConnectionState): void {
    if (state.kind === 'closed') {
      if (state.code === SESSION_DELETED_CODE) {
        this.#outgoing.rejectAll('session_deleted', 'the session was deleted');
        this.#incoming.forget();
      }
      this.#outgoing.outbox.release(`closed: ${state.code} ${state.reason}`);
    }
    this.#events.emit('state', state);
  }
}
