import { type RawData, WebSocket } from 'ws';

const PATIENCE_MS = 10_000;

/** A connection of the plain protocol, as the examples of the documentation open it. */
export class PlainConnection {
  readonly #socket: WebSocket;
  readonly #frames: Record<string, unknown>[] = [];
  /** The reason why no more frames will come. */
  #end: string | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('open', () => this.#wake());
    socket.on('message', (data: RawData) => {
      const frame = JSON.parse(data.toString()) as Record<string, unknown>;
      // Heartbeats (P3) may come at any time, and are left out.
      if (!('ts' in frame)) this.#frames.push(frame);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#end ??= error.message;
    });
    socket.on('close', (code) => {
      this.#end ??= `closed with ${code}`;
      this.#wake();
    });
  }

  /** @throws Error when the connection cannot be opened within 10 s */
  static async open(url: string, query: Record<string, string>): Promise<PlainConnection> {
    const address = new URL(url);
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    const connection = new PlainConnection(new WebSocket(address, { perMessageDeflate: false }));
    try {
      await connection.#until(() => connection.#socket.readyState === WebSocket.OPEN, `a connection to ${url}`);
    } catch (error) {
      connection.#socket.terminate();
      throw error;
    }
    return connection;
  }

  send(content: string): void {
    this.#socket.send(content);
  }

  /** The next frame, heartbeats left out. @throws Error when none comes within 10 s */
  async next(): Promise<Record<string, unknown>> {
    await this.#until(() => this.#frames.length > 0, 'a reply');
    return this.#frames.shift() ?? {};
  }

  close(): void {
    this.#socket.close(1000);
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (this.#end !== undefined) throw new Error(`waited for ${what}: ${this.#end}`);
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`waited ${PATIENCE_MS / 1_000} s for ${what}`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, leftMs);
      });
      clearTimeout(timer);
    }
  }
}
