import type { Redis } from 'ioredis';
import { interceptData, isConnection } from './ioredis-internals.js';

const CR = 0x0d;
const MINUS = 0x2d;
const ZERO = 0x30;
const ARRAY = 0x2a;
const PUSH = 0x3e;
const BLOB = 0x24;
const MAP = 0x25;
/** What a published message begins with, after the byte that tells an array (RESP2) from a push (RESP3). */
const MESSAGE = Buffer.from('3\r\n$7\r\nmessage\r\n$');
/** First bytes of the values of RESP by how they end: with their line, after a counted text, after counted values. */
const LINES = new Set([...'+-:,#_('].map((kind) => kind.charCodeAt(0)));
const BLOBS = new Set([...'$=!'].map((kind) => kind.charCodeAt(0)));
const LISTS = new Set([...'*>~'].map((kind) => kind.charCodeAt(0)));

/** The bytes at hand end before the value does. */
const INCOMPLETE = -1;
/** The bytes are no value of RESP that this reader knows. */
const UNKNOWN = -2;

/**
 * Reads published messages out of the connection's bytes before ioredis does, because its parser costs several times
 * what delivering a message does. Everything else goes on to ioredis, byte for byte and in order; a client that is no
 * connection of ioredis is left alone.
 *
 * A connection has this once: to be called on each `ready`.
 *
 * @param onMessage takes a message of a channel; the payload's bytes are valid during the call only
 */
export function interceptMessages(redis: Redis, onMessage: (channel: string, payload: Buffer) => void): void {
  if (!isConnection(redis)) return;
  interceptData(redis, (parse) => {
    const interceptor = new MessageInterceptor(onMessage, parse);
    return (chunk) => interceptor.write(chunk);
  });
}

/** Splits a stream of RESP, cut into chunks anywhere, into published messages and the rest. */
export class MessageInterceptor {
  readonly #onMessage: (channel: string, payload: Buffer) => void;
  readonly #pass: (chunk: Buffer) => void;
  /** The beginning of a value whose end has not come yet. */
  #rest: Buffer | undefined;
  /** Has met a value that it does not know, so that it cannot tell where the next begins: it passes on everything. */
  #isLost = false;

  /** @param pass gets what is no published message, in whole values */
  constructor(onMessage: (channel: string, payload: Buffer) => void, pass: (chunk: Buffer) => void) {
    this.#onMessage = onMessage;
    this.#pass = pass;
  }

  write(chunk: Buffer): void {
    if (this.#isLost) return this.#pass(chunk);
    const buffer = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    let at = 0;
    while (at < buffer.length) {
      const end = this.#takeMessage(buffer, at);
      if (end > 0) at = end;
      else {
        const otherEnd = end === INCOMPLETE ? INCOMPLETE : valueEnd(buffer, at);
        if (otherEnd === INCOMPLETE) break;
        this.#isLost = otherEnd === UNKNOWN;
        this.#pass(buffer.subarray(at, this.#isLost ? undefined : otherEnd));
        if (this.#isLost) return;
        at = otherEnd;
      }
    }
    if (at < buffer.length) this.#rest = at === 0 ? buffer : Buffer.from(buffer.subarray(at));
  }

  /** @returns where the message ends; 0 when there is none here; {@link INCOMPLETE} */
  #takeMessage(buffer: Buffer, at: number): number {
    if (buffer[at] !== PUSH && buffer[at] !== ARRAY) return 0;
    const known = Math.min(MESSAGE.length, buffer.length - at - 1);
    for (let index = 0; index < known; index++) if (buffer[at + 1 + index] !== MESSAGE[index]) return 0;
    if (known < MESSAGE.length) return INCOMPLETE;
    const channelAt = lineEnd(buffer, at + MESSAGE.length);
    if (channelAt === INCOMPLETE) return INCOMPLETE;
    const channelEnd = channelAt + numberAt(buffer, at + 1 + MESSAGE.length);
    if (buffer.length < channelEnd + 3) return INCOMPLETE;
    if (buffer[channelEnd + 2] !== BLOB) return 0;
    const payloadAt = lineEnd(buffer, channelEnd + 2);
    if (payloadAt === INCOMPLETE) return INCOMPLETE;
    const payloadEnd = payloadAt + numberAt(buffer, channelEnd + 3);
    if (buffer.length < payloadEnd + 2) return INCOMPLETE;
    this.#onMessage(buffer.toString('latin1', channelAt, channelEnd), buffer.subarray(payloadAt, payloadEnd));
    return payloadEnd + 2;
  }
}

/** Where the value ends that begins at an offset; {@link INCOMPLETE} or {@link UNKNOWN}. */
function valueEnd(buffer: Buffer, at: number): number {
  const kind = buffer[at] ?? 0;
  const next = lineEnd(buffer, at);
  if (next === INCOMPLETE || LINES.has(kind)) return next;
  const size = numberAt(buffer, at + 1);
  if (BLOBS.has(kind)) return size < 0 ? next : buffer.length < next + size + 2 ? INCOMPLETE : next + size + 2;
  if (!LISTS.has(kind) && kind !== MAP) return UNKNOWN;
  let end = next;
  for (let left = kind === MAP ? size * 2 : size; left > 0; left--) {
    if (end >= buffer.length) return INCOMPLETE;
    end = valueEnd(buffer, end);
    if (end < 0) return end;
  }
  return end;
}

/** Where the line after this one begins, or {@link INCOMPLETE}. */
function lineEnd(buffer: Buffer, from: number): number {
  const at = buffer.indexOf(CR, from);
  return at < 0 || at + 2 > buffer.length ? INCOMPLETE : at + 2;
}

/** The decimal whole number that begins at an offset. */
function numberAt(buffer: Buffer, from: number): number {
  let value = 0;
  let at = buffer[from] === MINUS ? from + 1 : from;
  const isNegative = at > from;
  for (let digit = (buffer[at] ?? 0) - ZERO; digit >= 0 && digit <= 9; digit = (buffer[at] ?? 0) - ZERO) {
    value = value * 10 + digit;
    at += 1;
  }
  return isNegative ? -value : value;
}
