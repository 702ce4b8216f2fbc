import { connect, type Socket } from 'node:net';

export interface FrameSocketOptions {
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  readonly subprotocol?: string;
  /** The address to connect from. One address has about 28,000 ports for connections to the same server. */
  readonly localAddress?: string;
}

export interface FrameSocketEvents {
  open(): void;
  /** A data frame arrived. Its payload is `buffer` from `start` to `end`, and is valid during the call only. */
  frame(buffer: Buffer, start: number, end: number): void;
  /**
   * The connection failed or was closed. Called once, and not after `end`.
   *
   * @param refusal if the upgrade was refused
   */
  failed(reason: string, refusal?: Refusal): void;
}

/** An HTTP answer that refuses the upgrade. */
export interface Refusal {
  readonly status: number;
  /** `Retry-After`, in milliseconds. */
  readonly retryAfterMs?: number;
}

const UPGRADED = 'HTTP/1.1 101';
const HEADERS_END = Buffer.from('\r\n\r\n');
const CLOSE = 0x8;
const PING = 0x9;
const FINAL_TEXT = 0x81;
const FINAL_PONG = 0x8a;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** The buffer that all sockets of a process read into. Each read is processed completely before the next one. */
const shared = Buffer.allocUnsafeSlow(65_536);

/**
 * A WebSocket client that takes as little CPU as Node allows. It reads frames in the buffer that they arrived in. It
 * masks what it sends with the key 0, which leaves the payload as it is; RFC 6455 asks for unpredictable keys to
 * protect intermediaries from scripts in browsers, and there are neither here.
 */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #events: FrameSocketEvents;
  #open = false;
  #ended = false;
  /** The beginning of a frame, or of the HTTP response, whose end has not arrived yet. */
  #rest: Buffer | undefined;

  constructor({ host, port, path, subprotocol, localAddress }: FrameSocketOptions, events: FrameSocketEvents) {
    this.#events = events;
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
      onread: { buffer: shared, callback: (bytes) => this.#read(bytes) },
    });
    this.#socket.once('error', (error) => this.#fail(error.message));
    this.#socket.once('close', () => this.#fail('the connection was closed'));
    const offer = subprotocol === undefined ? '' : `Sec-WebSocket-Protocol: ${subprotocol}\r\n`;
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: aGVsbG8gaG9sZGZhc3QhIQ==\r\nSec-WebSocket-Version: 13\r\n${offer}\r\n`,
      'latin1',
    );
  }

  /** Sends a text frame. @param payload at most 65,535 characters of one byte each (latin1) */
  send(payload: string): void {
    this.#write(FINAL_TEXT, payload);
  }

  /** Resets the connection without a closing handshake: thousands of these would disturb what is measured next. */
  end(): void {
    this.#ended = true;
    this.#socket.resetAndDestroy();
  }

  #write(head: number, payload: string): void {
    const { length } = payload;
    const start = (length < 126 ? 2 : 4) + MASK_BYTES;
    const frame = Buffer.allocUnsafe(start + length);
    frame[0] = head;
    if (length < 126) frame[1] = MASKED | length;
    else {
      frame[1] = MASKED | 126;
      frame.writeUInt16BE(length, 2);
    }
    frame.fill(0, start - MASK_BYTES, start);
    frame.write(payload, start, 'latin1');
    this.#socket.write(frame);
  }

  #fail(reason: string, refusal?: Refusal): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    this.#events.failed(reason, refusal);
  }

  #read(bytes: number): boolean {
    let buffer = shared;
    let end = bytes;
    if (this.#rest) {
      buffer = Buffer.concat([this.#rest, shared.subarray(0, bytes)]);
      end = buffer.length;
      this.#rest = undefined;
    }
    const taken = this.#open ? this.#walk(buffer, 0, end) : this.#handshake(buffer, end);
    if (taken < end) this.#rest = Buffer.from(buffer.subarray(taken, end));
    return true;
  }

  #handshake(buffer: Buffer, end: number): number {
    const response = buffer.subarray(0, end);
    const at = response.indexOf(HEADERS_END);
    if (at < 0) return 0;
    // The response to a successful upgrade is always the same, so that only other responses are read.
    if (response.toString('latin1', 0, UPGRADED.length) !== UPGRADED) {
      const head = response.toString('latin1', 0, at);
      this.#fail(`the server answered ${head.slice(0, head.indexOf('\r\n'))}`, readRefusal(head));
      return end;
    }
    this.#open = true;
    this.#events.open();
    return this.#walk(buffer, at + HEADERS_END.length, end);
  }

  /** Processes all complete frames. @returns where the first incomplete frame begins */
  #walk(buffer: Buffer, from: number, end: number): number {
    let at = from;
    while (end - at >= 2 && !this.#ended) {
      let length = (buffer[at + 1] ?? 0) & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (end - at < 4) break;
        length = buffer.readUInt16BE(at + 2);
        start = at + 4;
      } else if (length === 127) {
        if (end - at < 10) break;
        length = buffer.readUInt32BE(at + 6);
        start = at + 10;
      }
      if (start + length > end) break;
      const kind = (buffer[at] ?? 0) & 0x0f;
      if (kind < CLOSE) this.#events.frame(buffer, start, start + length);
      else if (kind === PING) this.#write(FINAL_PONG, buffer.toString('latin1', start, start + length));
      else if (kind === CLOSE) this.#fail(`closed with ${length >= 2 ? buffer.readUInt16BE(start) : 'no code'}`);
      at = start + length;
    }
    return at;
  }
}

/** @param head status line and headers of a response */
export function readRefusal(head: string): Refusal {
  const [, status = '0'] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? [];
  const [, seconds] = /^retry-after: *(\d+)/im.exec(head) ?? [];
  return { status: Number(status), ...(seconds !== undefined && { retryAfterMs: Number(seconds) * 1_000 }) };
}
