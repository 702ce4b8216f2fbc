import { idOffset, type LiveMessage } from './message-format.js';

/**
 * Messages with consecutive numbers, as tails keep them. Where it can, a segment keeps the payload that brought the
 * messages and reads them from it when they are asked for: rooms keep thousands of messages, and every object costs the
 * garbage collector time.
 */
export interface MessageSegment {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** What the segment takes in memory, roughly. Bytes. */
  readonly cost: number;
  /** At least what the messages have in the log (K2), and little more. Bytes. */
  readonly bytes: number;
  messages(): readonly LiveMessage[];
}

/** Makes a segment of messages. @param messages consecutive, at least one */
export function messageSegment(messages: readonly LiveMessage[]): MessageSegment {
  const first = messages[0];
  const last = messages.at(-1);
  const published = first instanceof PublishedMessage && last instanceof PublishedMessage && first.upTo(last);
  return published || new ListedSegment(messages);
}

/**
 * Splits entries in ascending order wherever a number is missing, because a log may have holes (W3). No part is empty.
 */
export function splitAtHoles<T extends { readonly seq: number }>(entries: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (const entry of entries) {
    const part = parts.at(-1);
    if (part && part.at(-1)?.seq === entry.seq - 1) part.push(entry);
    else parts.push([entry]);
  }
  return parts;
}

/** Reads the messages of a payload from an offset on: each has a line with its sender key and a line with its frame. */
export function readMessages(payload: Buffer, firstSeq: number, start: number, end = payload.length): LiveMessage[] {
  const messages: LiveMessage[] = [];
  for (let at = start, seq = firstSeq; at < end; seq++) {
    const keyEnd = lineEnd(payload, at);
    const frameEnd = lineEnd(payload, keyEnd + 1);
    messages.push(new PublishedMessage(seq, payload, at, keyEnd + 1, frameEnd));
    at = frameEnd + 1;
  }
  return messages;
}

/** At least what a message has in the log (K2): its frame holds the entry's text. Bytes. */
export function messageBytes({ senderKey, frame }: LiveMessage): number {
  return senderKey.length + frame.length;
}

/** A hash of an id of C2. 32 bits. */
export function idHash(id: string): number {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = nextHash(hash, id.charCodeAt(at));
  return hash >>> 0;
}

/** {@link idHash} of a message's id. Makes no string of an id that is in a payload. */
export function messageIdHash(message: LiveMessage): number {
  return message instanceof PublishedMessage ? message.idHash() : idHash(message.id);
}

function nextHash(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0;
}

/** Where the line ends that an offset is in. */
export function lineEnd(payload: Buffer, from: number): number {
  const at = payload.indexOf(NEWLINE, from);
  return at < 0 ? payload.length : at;
}

/** Longest id that is looked for, characters. Ids of C2 are shorter. */
const ID_MAX_LENGTH = 128;

/**
 * The text from an offset up to the next quote; empty where no quote follows soon. Whoever may publish can leave the quote
 * out, and a search through all of a payload for each of its messages would take a time that is the square of its length.
 */
export function quotedAt(frame: Buffer, start: number): string {
  const limit = Math.min(frame.length, start + ID_MAX_LENGTH + 1);
  let end = start;
  while (end < limit && frame[end] !== QUOTE) end++;
  return end < limit ? frame.toString('latin1', start, end) : '';
}

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** A message that is read from the payload that brought it. */
class PublishedMessage implements LiveMessage {
  readonly seq: number;
  readonly #payload: Buffer;
  readonly #keyAt: number;
  readonly #frameAt: number;
  readonly #end: number;

  constructor(seq: number, payload: Buffer, keyAt: number, frameAt: number, end: number) {
    this.seq = seq;
    this.#payload = payload;
    this.#keyAt = keyAt;
    this.#frameAt = frameAt;
    this.#end = end;
  }

  get id(): string {
    return quotedAt(this.#payload, this.#frameAt + idOffset(this.seq));
  }

  idHash(): number {
    const payload = this.#payload;
    let hash = 0;
    for (let at = this.#frameAt + idOffset(this.seq); at < this.#end; at++) {
      const code = payload[at] ?? QUOTE;
      if (code === QUOTE) break;
      hash = nextHash(hash, code);
    }
    return hash >>> 0;
  }

  get senderKey(): string {
    return this.#payload.toString('latin1', this.#keyAt, this.#frameAt - 1);
  }

  get frame(): Buffer {
    return this.#payload.subarray(this.#frameAt, this.#end);
  }

  /** The segment from this message to a later one; nothing when that is of another payload. */
  upTo(last: PublishedMessage): MessageSegment | undefined {
    if (last.#payload !== this.#payload) return undefined;
    return new PublishedSegment(this.#payload, this.seq, last.seq, this.#keyAt, last.#end);
  }
}

/** Memory of a published segment's objects, beside its payload: measured on Node 20. Bytes. */
const PUBLISHED_COST = 200;

/** Consecutive messages of one payload. */
class PublishedSegment implements MessageSegment {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly #payload: Buffer;
  readonly #start: number;
  readonly #end: number;

  constructor(payload: Buffer, firstSeq: number, lastSeq: number, start: number, end: number) {
    this.firstSeq = firstSeq;
    this.lastSeq = lastSeq;
    this.#payload = payload;
    this.#start = start;
    this.#end = end;
  }

  get cost(): number {
    return this.#payload.length + PUBLISHED_COST;
  }

  get bytes(): number {
    return this.#end - this.#start;
  }

  messages(): readonly LiveMessage[] {
    return readMessages(this.#payload, this.firstSeq, this.#start, this.#end);
  }
}

/** Memory of a message that is kept as an object, beside its frame. Bytes. */
const LISTED_COST = 200;

/** Messages that did not come in one payload. */
class ListedSegment implements MessageSegment {
  readonly bytes: number;
  readonly #messages: readonly LiveMessage[];

  constructor(messages: readonly LiveMessage[]) {
    this.#messages = messages;
    this.bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
  }

  get firstSeq(): number {
    return this.#messages[0]?.seq ?? 0;
  }

  get lastSeq(): number {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  get cost(): number {
    return this.#messages.reduce((sum, { frame }) => sum + frame.length + LISTED_COST, 0);
  }

  messages(): readonly LiveMessage[] {
    return this.#messages;
  }
}
