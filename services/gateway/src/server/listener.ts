import type { ConnectionSlots } from '../ports/socket.js';

/** A socket that listens, as the library names it. */
type Token = unknown;

/** What is used of the library. */
interface Library {
  us_listen_socket_close(token: Token): void;
  us_socket_local_port(token: Token): number;
}

/** What is used of the library's app. `listen` with a host and options is a form that its types do not have. */
export interface ListeningApp {
  listen(host: string, port: number, options: number, listening: (token: Token) => void): void;
  /** Calls back for each connection: 1 when it was accepted, -1 when it has ended without becoming a WebSocket. */
  filter(changed: (response: unknown, change: number) => void): void;
}

/**
 * `LIBUS_LISTEN_EXCLUSIVE_PORT`. Without it a second gateway on the same port starts, and silently gets half of the
 * connections.
 */
const EXCLUSIVE = 1;
/** How often a gateway that does not listen for want of descriptors looks whether it may again. Milliseconds. */
const LOOK_AGAIN_MS = 100;

/**
 * Takes connections on the public port, as long as there are descriptors for them (B7). The library's own way to be
 * without one is to try again at once and for ever, with the whole of a core. So the port is closed before that: the
 * next proxy or client is refused at once, and another gateway can be asked.
 */
export class Listener {
  readonly #library: Library;
  readonly #app: ListeningApp;
  readonly #slots: ConnectionSlots;
  readonly #host: string;
  #port: number;
  #token: Token;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    library: Library,
    app: ListeningApp,
    options: { host: string; port: number },
    slots: ConnectionSlots,
  ) {
    this.#library = library;
    this.#app = app;
    this.#slots = slots;
    this.#host = options.host;
    this.#port = options.port;
  }

  /**
   * @param address port 0 takes any free one
   * @throws {Error} when the address cannot be listened on
   */
  static async open(
    library: Library,
    app: ListeningApp,
    address: { readonly host: string; readonly port: number },
    slots: ConnectionSlots,
  ): Promise<Listener> {
    const listener = new Listener(library, app, address, slots);
    const { host, port } = address;
    const failed = `cannot listen on ${host}:${port}: the port is taken, or the address is not this machine's`;
    if (!listener.#listen()) throw new Error(failed);
    if (port === 0) {
      // The library lets a port be listened on again, with connections open on it, where it was asked for by its number.
      listener.#close();
      if (!listener.#listen()) throw new Error(failed);
    }
    app.filter((_response, change) => (change === 1 ? listener.#accepted() : slots.giveBack()));
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /** A connection that had become a WebSocket has ended; the library reports that of others by itself. */
  webSocketEnded(): void {
    this.#slots.giveBack();
  }

  /** Takes no more connections, for good. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#close();
  }

  #accepted(): void {
    this.#slots.take();
    // Closing here ends the loop in which the library accepts what has come.
    if (this.#slots.free > 0 || !this.#token) return;
    this.#close();
    this.#listenLater();
  }

  #listenLater(): void {
    this.#timer = setTimeout(() => {
      // Half of the last ones: otherwise the port would open and close with each connection.
      const mayListen = this.#slots.free >= this.#slots.last / 2;
      if (!mayListen || !this.#listen()) this.#listenLater();
    }, LOOK_AGAIN_MS);
  }

  /** @returns whether it has succeeded; the library calls back before it returns */
  #listen(): boolean {
    this.#app.listen(this.#host, this.#port, EXCLUSIVE, (token) => {
      this.#token = token || undefined;
    });
    if (this.#token) this.#port = this.#library.us_socket_local_port(this.#token);
    return this.#token !== undefined;
  }

  #close(): void {
    if (this.#token) this.#library.us_listen_socket_close(this.#token);
    this.#token = undefined;
  }
}
