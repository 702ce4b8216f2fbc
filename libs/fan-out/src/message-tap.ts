import type { Redis } from 'ioredis';

type DataListener = (chunk: Buffer) => void;

const CR = 0x0d;
const ARRAY = 0x2a;
const PUSH = 0x3e;
const BLOB = 0x24;
/** What a published message begins with, after the byte that tells an array (RESP2) from a push (RESP3). */
const MESSAGE = Buffer.from('3\r\n$7\r\nmessage\r\n$');
const LINES = new Set([...'+-:,#_('].map((kind) => kind.charCodeAt(0)));
const BLOBS = new Set([...'$=!'].map((kind) => kind.charCodeAt(0)));
const LISTS = new Set([...'*>~'].map((kind) => kind.charCodeAt(0)));

/** Not all of it has come yet. */
const INCOMPLETE = -1;
/** None of what RESP knows. */
const UNKNOWN = -2;

/**
 * Reads published messages out of a connection's bytes before ioredis does, whose parser costs several times what
 * delivering a message does. Everything else goes on to ioredis, byte for byte and in order.
 *
 * @param message the payload's bytes are valid during the call only
 */
export function tapMessages(redis: Redis, message: (channel: string, payload: Buffer) => void): void {
  const { stream } = redis;
  const [parse] = stream.listeners('data') as DataListener[];
  if (!parse) return;
  const tap = new MessageTap(message, parse);
  stream.removeListener('data', parse);
  // Before the check for silence, as ioredis has it.
  stream.prependListener('data', (chunk: Buffer) => tap.write(chunk));
}

/** Splits a stream of RESP into published messages and the rest. */
export class MessageTap {
  readonly #message: (channel: string, payload: Buffer) => void;
  readonly #others: DataListener;
  #rest: Buffer | undefined;
  /** It has met something it does not know: from there on it passes on everything. */
  #lost = false;

  constructor(message: (channel: string, payload: Buffer) => void, others: DataListener) {
    this.#message = message;
    this.#others = others;
  }

  write(chunk: Buffer): void {
    if (this.#lost) return this.#others(chunk);
    const buffer = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = undefined;
    let at = 0;
    while (at < buffer.length) {
      const end = this.#takeMessage(buffer, at);
      if (end > 0) at = end;
      else {
        const otherEnd = end === INCOMPLETE ? INCOMPLETE : entryEnd(buffer, at);
        if (otherEnd === INCOMPLETE) break;
        this.#lost = otherEnd === UNKNOWN;
        this.#others(buffer.subarray(at, this.#lost ? undefined : otherEnd));
        if (this.#lost) return;
        at = otherEnd;
      }
    }
    if (at < buffer.length) this.#rest = at === 0 ? buffer : Buffer.from(buffer.subarray(at));
  }

  /** @returns where the message ends; 0 when there is none; {@link INCOMPLETE} */
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
    this.#message(buffer.toString('latin1', channelAt, channelEnd), buffer.subarray(payloadAt, payloadEnd));
    return payloadEnd + 2;
  }
}

/** Where the entry ends that begins somewhere; {@link INCOMPLETE} or {@link UNKNOWN}. */
function entryEnd(buffer: Buffer, at: number): number {
  const kind = buffer[at] ?? 0;
  const next = lineEnd(buffer, at);
  if (next === INCOMPLETE || LINES.has(kind)) return next;
  const size = numberAt(buffer, at + 1);
  if (BLOBS.has(kind)) return size < 0 ? next : buffer.length < next + size + 2 ? INCOMPLETE : next + size + 2;
  if (!LISTS.has(kind) && kind !== 0x25) return UNKNOWN;
  let end = next;
  for (let left = kind === 0x25 ? size * 2 : size; left > 0; left--) {
    if (end >= buffer.length) return INCOMPLETE;
    end = entryEnd(buffer, end);
    if (end < 0) return end;
  }
  return end;
}

/** Where the line after this one begins. */
function lineEnd(buffer: Buffer, from: number): number {
  const at = buffer.indexOf(CR, from);
  return at < 0 || at + 2 > buffer.length ? INCOMPLETE : at + 2;
}

function numberAt(buffer: Buffer, from: number): number {
  let value = 0;
  let at = buffer[from] === 0x2d ? from + 1 : from;
  const isNegative = at > from;
  for (let digit = (buffer[at] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (buffer[at] ?? 0) - 0x30) {
    value = value * 10 + digit;
    at += 1;
  }
  return isNegative ? -value : value;
}
