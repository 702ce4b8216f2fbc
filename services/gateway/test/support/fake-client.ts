import type { Acceptance } from '../../src/gateway-core.js';
import type { SendOutcome, Socket, SocketEvents } from '../../src/ports/socket.js';

/** A frame that a client received, parsed. */
export type Received = Record<string, unknown>;

/**
 * A socket whose network the test controls: it takes every frame at once until {@link stall}, and then buffers as the
 * WebSocket library does. Fails the test when the gateway uses it after its close.
 */
export class FakeSocket implements Socket {
  readonly frames: string[] = [];
  /** How the server closed it; a client that left by itself has none. */
  closedWith: { readonly code: number; readonly reason: string } | undefined;
  /** Calls of {@link cork}. A single frame needs none. */
  corks = 0;
  #events: SocketEvents | undefined;
  #open = true;
  #buffered: number | undefined;

  constructor(readonly maxBackpressureBytes = 1_048_576) {}

  /** @param events of the gateway's connection */
  connect(events: SocketEvents): void {
    this.#events = events;
  }

  get open(): boolean {
    return this.#open;
  }

  send(frame: string | Uint8Array): SendOutcome {
    this.#assertOpen();
    if (this.#buffered !== undefined && this.#buffered > this.maxBackpressureBytes) return 'dropped';
    this.frames.push(typeof frame === 'string' ? frame : Buffer.from(frame).toString());
    if (this.#buffered === undefined) return 'sent';
    this.#buffered += Buffer.byteLength(frame);
    return 'buffered';
  }

  bufferedBytes(): number {
    this.#assertOpen();
    return this.#buffered ?? 0;
  }

  cork(write: () => void): void {
    this.#assertOpen();
    this.corks += 1;
    write();
  }

  close(code: number, reason: string): void {
    this.#assertOpen();
    this.closedWith = { code, reason };
    this.#end(code);
  }

  /** The network takes nothing any more. */
  stall(): void {
    this.#buffered ??= 0;
  }

  /** The network takes everything that was buffered; with `stayStalled` later frames are buffered again. */
  flush(options: { stayStalled?: boolean } = {}): void {
    this.#buffered = options.stayStalled ? 0 : undefined;
    this.#events?.drained();
  }

  /** The client sends a frame. */
  receive(data: string | Uint8Array, isBinary = typeof data !== 'string'): void {
    const bytes = new Uint8Array(Buffer.from(data));
    this.#events?.receive(bytes.buffer, isBinary);
    // The library uses the memory again as soon as the call returns.
    bytes.fill(0);
  }

  /** The client sends a ping. The server has answered it, without asking the gateway. */
  ping(bytes = 125): void {
    if (this.#buffered !== undefined) this.#buffered += bytes + 2;
    this.#events?.receiveControl();
  }

  /** The client goes away. */
  leave(code = 1000): void {
    if (this.#open) this.#end(code);
  }

  #end(code: number): void {
    this.#open = false;
    this.#events?.ended(code);
  }

  #assertOpen(): void {
    if (!this.#open) throw new Error('the socket was used after its close event');
  }
}

/** One client of a gateway, on a {@link FakeSocket}. */
export class FakeClient {
  readonly socket: FakeSocket;

  constructor(acceptance: Acceptance, maxBackpressureBytes?: number) {
    this.socket = new FakeSocket(maxBackpressureBytes);
    this.socket.connect(acceptance.open(this.socket));
  }

  /** Every frame received, oldest first. */
  get received(): Received[] {
    return this.socket.frames.map((frame) => JSON.parse(frame) as Received);
  }

  /** Frames of a type, oldest first. */
  ofType(type: string): Received[] {
    return this.received.filter((frame) => frame['type'] === type);
  }

  /** Numbers of the messages received, in the order they came. */
  get seqs(): number[] {
    return this.ofType('message').map((frame) => Number(frame['seq'] ?? frame['count']));
  }

  get contents(): string[] {
    return this.ofType('message').map((frame) => String(frame['echo'] ?? frame['content']));
  }

  /** The welcome. @throws {Error} when it was not the first frame */
  get welcome(): Received {
    const [first] = this.received;
    if (first?.['type'] !== 'welcome') throw new Error(`no welcome came first: ${JSON.stringify(first)}`);
    return first;
  }

  /** Sends one text frame; an object as JSON. */
  send(frame: string | object): void {
    this.socket.receive(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Sends a message of the framed protocol. */
  say(id: string, content = id, more: object = {}): void {
    this.send({ type: 'send', id, content, ...more });
  }

  get closeCode(): number | undefined {
    return this.socket.closedWith?.code;
  }

  leave(code?: number): void {
    this.socket.leave(code);
  }
}
