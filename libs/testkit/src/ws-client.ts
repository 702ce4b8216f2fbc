import type { IncomingMessage } from 'node:http';
import { FRAMED_PROTOCOL } from '@holdfast/protocol';
import { type ClientOptions, WebSocket } from 'ws';
import { registerCleanup } from './cleanup.js';
import { DEFAULT_DEADLINE_MS, withDeadline } from './deadline.js';
import { FrameQueue } from './frame-queue.js';

export interface ConnectOptions {
  /** Fields of the query string (C1). `undefined` leaves a field out. */
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  /** Subprotocols to offer instead of those of {@link connectPlain} and {@link connectFramed}. */
  protocols?: readonly string[];
  timeoutMs?: number;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** The server refused the upgrade with an HTTP response (C2, C4). */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
  constructor(
    readonly status: number,
    readonly headers: IncomingMessage['headers'],
    readonly body: string,
  ) {
    super(`the upgrade was refused with ${status}: ${body.slice(0, 300)}`);
  }

  /** The body read as JSON. */
  get json(): Record<string, unknown> {
    return JSON.parse(this.body) as Record<string, unknown>;
  }
}

/** A WebSocket connection of a test. It does nothing by itself: it never reconnects, resumes or repeats. */
export class WsClient {
  readonly frames = new FrameQueue();
  readonly closed: Promise<Closed>;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.frames.push(data.toString()));
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.frames.end(`the connection was closed with ${code} "${reason.toString()}"`);
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** The subprotocol that the server chose; `""` when it chose none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a text frame, or a binary frame for bytes. */
  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  /** Sends an object as JSON. */
  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Sends bytes as a text frame, whether or not they are UTF-8 (C6). */
  sendBytesAsText(bytes: Uint8Array): void {
    this.#socket.send(bytes, { binary: false });
  }

  /** Stops reading until {@link resumeReading}, as a slow consumer does (F6). */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Sends a close frame and waits until the connection is closed. */
  async close(code = 1000): Promise<Closed> {
    this.#socket.close(code);
    return withDeadline(this.closed, 'the connection to close');
  }

  /** Drops the connection without a close frame. */
  terminate(): void {
    this.#socket.terminate();
  }
}

/** Connects without a subprotocol (C3). @throws UpgradeRefused */
export function connectPlain(url: string, options: ConnectOptions = {}): Promise<WsClient> {
  return connect(url, options.protocols ?? [], options);
}

/** Connects with `holdfast.v1` (C3). The welcome is the first frame to read. @throws UpgradeRefused */
export function connectFramed(url: string, options: ConnectOptions = {}): Promise<WsClient> {
  return connect(url, options.protocols ?? [FRAMED_PROTOCOL], options);
}

async function connect(url: string, protocols: readonly string[], options: ConnectOptions): Promise<WsClient> {
  const address = new URL(url);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) address.searchParams.set(name, String(value));
  }
  const settings: ClientOptions = { perMessageDeflate: false, headers: options.headers ?? {} };
  const socket = new WebSocket(address, [...protocols], settings);
  // The client listens before the connection opens, so that it gets frames that come together with the handshake.
  const client = new WsClient(socket);
  const forget = registerCleanup(`connection to ${address.host}`, async () => socket.terminate());
  void client.closed.then(forget);
  const opened = new Promise<WsClient>((resolve, reject) => {
    socket.once('open', () => resolve(client));
    // This listener stays. An error after the opening is followed by the close event, which tests look at.
    socket.on('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      readBody(response).then(
        (body) => reject(new UpgradeRefused(response.statusCode ?? 0, response.headers, body)),
        reject,
      );
    });
  });
  try {
    return await withDeadline(opened, `a connection to ${address.href}`, options.timeoutMs ?? DEFAULT_DEADLINE_MS);
  } catch (error) {
    socket.terminate();
    forget();
    throw error;
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let body = '';
  for await (const piece of response) body += piece;
  return body;
}
