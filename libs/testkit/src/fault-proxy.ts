import { connect, createServer, type Server, type Socket } from 'node:net';
import { registerCleanup } from './cleanup.js';

type Direction = 'request' | 'response';

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly request: DelayLine;
  readonly response: DelayLine;
}

/** Runs actions after a delay. They keep their order even if the delay becomes shorter in between. */
class DelayLine {
  readonly #waiting: { action: () => void; dueAt: number }[] = [];

  push(action: () => void, delayMs: number): void {
    if (delayMs === 0 && this.#waiting.length === 0) {
      action();
      return;
    }
    this.#waiting.push({ action, dueAt: performance.now() + delayMs });
    if (this.#waiting.length === 1) this.#schedule();
  }

  #schedule(): void {
    const [first] = this.#waiting;
    if (!first) return;
    setTimeout(() => {
      this.#waiting.shift();
      first.action();
      this.#schedule();
    }, first.dueAt - performance.now());
  }
}

/** A proxy between a client and a server on 127.0.0.1 that breaks their link on demand. */
export class FaultProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #target: { host: string; port: number };
  #latencyMs = 0;
  #silent = false;
  #refusing = false;
  #cutAfter: { matches: (bytes: Buffer) => boolean; done: () => void } | undefined;

  constructor(server: Server, port: number, target: { host: string; port: number }) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (client) => this.#accept(client));
  }

  /** How many links are open. */
  get links(): number {
    return this.#links.size;
  }

  /** Delays everything by this long in each direction. 0 ends the delay. */
  setLatency(ms: number): void {
    this.#latencyMs = ms;
  }

  /** Resets every open link, with RST to both sides. New links are accepted. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  /** Resets new links at once; open links stay. {@link heal} ends it. */
  refuse(): void {
    this.#refusing = true;
  }

  /**
   * Drops whatever either side sends and keeps all sockets open, also those of new links, like a cable that was pulled
   * out somewhere between the two. {@link heal} resets the links, because they have lost data.
   */
  halfOpen(): void {
    this.#silent = true;
  }

  /** Ends {@link halfOpen} and {@link refuse}. */
  heal(): void {
    this.#refusing = false;
    if (!this.#silent) return;
    this.#silent = false;
    this.cut();
  }

  /**
   * Passes the next matching piece from a client on to the server, then resets the client's side before the answer gets
   * back. The client cannot know whether its request was carried out (A5).
   *
   * @returns resolves when the server has the piece and the client is cut off
   */
  cutAfterRequest(matches: (bytes: Buffer) => boolean = () => true): Promise<void> {
    return new Promise((done) => {
      this.#cutAfter = { matches, done };
    });
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...this.#target, noDelay: true, allowHalfOpen: true });
    client.setNoDelay(true);
    const link: Link = { client, upstream, request: new DelayLine(), response: new DelayLine() };
    this.#links.add(link);
    for (const [socket, peer, line] of [
      [client, upstream, link.request],
      [upstream, client, link.response],
    ] as const) {
      socket.on('error', () => peer.destroy());
      socket.on('close', () => {
        this.#links.delete(link);
        if (!this.#silent) peer.destroy();
      });
      socket.on('end', () => line.push(() => peer.end(), this.#latencyMs));
    }
    client.on('data', (bytes: Buffer) => this.#pass('request', link, bytes));
    upstream.on('data', (bytes: Buffer) => this.#pass('response', link, bytes));
  }

  #pass(direction: Direction, link: Link, bytes: Buffer): void {
    if (this.#silent) return;
    const rule = this.#cutAfter;
    if (direction === 'request' && rule?.matches(bytes)) {
      this.#cutAfter = undefined;
      link.upstream.removeAllListeners('data').resume();
      link.upstream.end(bytes, () => {
        link.client.resetAndDestroy();
        rule.done();
      });
      return;
    }
    const [from, to] = direction === 'request' ? [link.client, link.upstream] : [link.upstream, link.client];
    link[direction].push(() => {
      if (this.#silent || to.destroyed || to.write(bytes) || from.isPaused()) return;
      from.pause();
      to.once('drain', () => from.resume());
    }, this.#latencyMs);
  }
}

/** Starts a proxy in front of a server, on a free port of 127.0.0.1. */
export async function startFaultProxy(target: { host?: string; port: number }): Promise<FaultProxy> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port');
  const proxy = new FaultProxy(server, address.port, { host: target.host ?? '127.0.0.1', port: target.port });
  registerCleanup(`fault proxy ${address.port}`, () => proxy.close());
  return proxy;
}
