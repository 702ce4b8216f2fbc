import { type Position, SESSION_DELETED_CODE, type WelcomeFrame } from '@holdfast/protocol';
import { AccessToken } from './access-token.js';
import { type ConnectTarget, connectTarget } from './connect-target.js';
import { Connection } from './connection.js';
import type { ConnectionState } from './connection-state.js';
import { Cursor } from './cursor.js';
import { Emitter } from './emitter.js';
import type { ChatMessage, ClientEvents } from './events.js';
import { Incoming } from './incoming.js';
import { messageStream } from './message-stream.js';
import {
  type HoldfastClientOptions,
  resolveOptions,
  SECRET_BYTES,
  type Settings,
  type TokenSource,
} from './options.js';
import type { OutboxEntry } from './outbox.js';
import { Outgoing, type Sending } from './outgoing.js';
import { PersistentState } from './persistent-state.js';

/**
 * A member of one session. It connects, connects again, resumes, keeps every message until it is accepted, and shows
 * nothing twice.
 *
 * With `redisPersistence` a message is accepted exactly once. Without it the server stores nothing to compare with: a
 * message whose acknowledgement was lost with its connection is sent again and may reach members twice (clients of this
 * class drop the second by its id), and a member misses what others say while it is not connected.
 */
export class HoldfastClient {
  readonly #settings: Settings;
  readonly #events = new Emitter<ClientEvents>();
  readonly #client: string;
  readonly #cursor: Cursor;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #connection: Connection;
  readonly #token: AccessToken;
  #session: WelcomeFrame | undefined;

  /** @throws TypeError for an option of the wrong form. Does not connect yet. */
  constructor(options: HoldfastClientOptions) {
    const settings = resolveOptions(options);
    this.#settings = settings;
    const saved = new PersistentState(settings, (error) => this.#events.emit('storageError', error));
    this.#client = settings.client ?? saved.secret(() => settings.newId(SECRET_BYTES));
    this.#cursor = new Cursor(settings.rememberedIds, settings.keepPosition ? saved.position : undefined);
    this.#connection = new Connection(settings, {
      target: () => this.#target(),
      welcomed: (frame, { request, token }, isNewLink) => {
        this.#session = frame;
        this.#outgoing.maxMessageBytes = frame.maxMessageBytes;
        if (isNewLink) {
          this.#token.opened(token, frame.serverTime);
          this.#outgoing.restart();
        }
        this.#incoming.welcomed(frame, request, isNewLink);
      },
      received: (frame) => {
        if (frame.type === 'error') this.#token.refused(frame);
        this.#incoming.received(frame);
      },
      writable: () => this.#outgoing.flush(),
      canRenewToken: () => this.#token.isRenewable,
      isSettled: () => this.#outgoing.outbox.inFlight === 0,
      changed: (state) => this.#changed(state),
    });
    this.#token = new AccessToken(
      settings,
      (frame) => this.#connection.send(frame),
      (error) => this.#events.emit('tokenError', error),
    );
    this.#outgoing = new Outgoing(settings, saved, this.#events, this.#connection, this.#cursor);
    this.#incoming = new Incoming(settings, saved, this.#events, this.#connection, this.#cursor, this.#outgoing);
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

  /** The server's name for this client, the `sender` of its messages (C7). Known from the first welcome on. */
  get sender(): string | undefined {
    return this.#incoming.sender;
  }

  /** Where this client is in the history (K6). Absent without persistence and before the first welcome. */
  get position(): Position | undefined {
    return this.#cursor.position;
  }

  /** The messages that are not accepted yet, the oldest first. */
  get outbox(): readonly OutboxEntry[] {
    return this.#outgoing.outbox.entries();
  }

  /** @returns removes the listener. What a listener throws becomes an uncaught error. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** The messages from now on, each once. The iterator ends when the client is closed. */
  [Symbol.asyncIterator](): AsyncGenerator<ChatMessage, void> {
    return messageStream(this.#events);
  }

  /** Connects, unless a connection is open or opening. Ends the wait between two attempts. */
  connect(): void {
    this.#connection.connect();
  }

  /** Closes until {@link connect} is called. Open results resolve with the code `closed`. The outbox is kept. */
  close(): void {
    this.#connection.close();
  }

  /**
   * Call when the network may have changed (a browser's `online` and `offline` events, a page that is shown again).
   * Connects at once, or checks that the open connection is alive: it ends when nothing arrives within 5 s.
   */
  wake(): void {
    this.#connection.wake();
  }

  /**
   * Sends a message, now or as soon as there is a connection, and again until it is accepted or refused.
   *
   * @param id 1–64 of the characters of C2, never used before by this client. Default: a random one.
   * @throws TypeError for an id of the wrong form, or of a message that is in the outbox
   */
  send(content: string, id?: string): Sending {
    return this.#outgoing.send(content, id);
  }

  /** Tells the other members something that is not stored, such as typing (V21). It is lost while not connected. */
  signal(name: string, data?: unknown): void {
    this.#connection.send({ type: 'signal', name, data });
  }

  /** Replaces the token, on the open connection (V22) and for those to come. After a close call {@link connect} too. */
  setToken(token: TokenSource): void {
    this.#token.replace(token);
  }

  #target(): ConnectTarget | Promise<ConnectTarget> {
    const cursor = this.#cursor;
    const target = (token: string | undefined): ConnectTarget =>
      connectTarget(this.#settings, this.#client, cursor.request(this.#settings.history), cursor.position, token);
    const token = this.#token.ask();
    return token instanceof Promise ? token.then(target) : target(token);
  }

  #changed(state: ConnectionState): void {
    if (state.kind !== 'open') this.#token.stop();
    if (state.kind === 'closed') {
      const isDeleted = state.code === SESSION_DELETED_CODE;
      this.#outgoing.stop(`closed: ${state.code} ${state.reason}`, isDeleted);
      if (isDeleted) this.#incoming.forget();
    }
    this.#events.emit('state', state);
  }
}
