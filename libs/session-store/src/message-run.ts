import { idAt } from './stored-frame.js';

export interface LiveMessage {
  readonly seq: number;
  readonly id: string;
  readonly senderKey: string;
  /** The frame of V2, ready to forward: a view into the payload. */
  readonly frame: Buffer;
}

/**
 * Messages whose numbers follow on each other, to be kept: what is asked of few of them is read when it is asked.
 * Rooms keep thousands, which the garbage collector goes through again and again.
 */
export interface MessageRun {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** What it takes in memory, roughly. Bytes. */
  readonly cost: number;
  messages(): readonly LiveMessage[];
}

/** @param messages at least one */
export function messageRun(messages: readonly LiveMessage[]): MessageRun {
  const first = messages[0];
  const last = messages.at(-1);
  const published = first instanceof PublishedMessage && last instanceof PublishedMessage && first.upTo(last);
  return published || new ListedRun(messages);
}

/** Splits entries in ascending order wherever a number is missing, because a log may have holes (W3). No part is empty. */
export function splitAtHoles<T extends { readonly seq: number }>(entries: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (const entry of entries) {
    const part = parts.at(-1);
    if (part && part.at(-1)?.seq === entry.seq - 1) part.push(entry);
    else parts.push([entry]);
  }
  return parts;
}

/** Reads messages as they are published: a line with the sender key, and one with the frame, each. */
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

/** Sums up an id of C2 in 32 bits. */
export function idHash(id: string): number {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = nextHash(hash, id.charCodeAt(at));
  return hash >>> 0;
}

/** {@link idHash} of a message's id, without making a string of it where it stands in bytes. */
export function messageIdHash(message: LiveMessage): number {
  return message instanceof PublishedMessage ? message.idHash() : idHash(message.id);
}

function nextHash(hash: number, code: number): number {
  return (Math.imul(hash, 31) + code) | 0;
}

/** Where the line ends that a position is in. */
export function lineEnd(payload: Buffer, from: number): number {
  const at = payload.indexOf(NEWLINE, from);
  return at < 0 ? payload.length : at;
}

/** What stands in quotes from a position on. */
export function quotedAt(frame: Buffer, start: number): string {
  return frame.toString('latin1', start, frame.indexOf(QUOTE, start));
}

const NEWLINE = 0x0a;
const QUOTE = 0x22;

/** A message where it stands in its payload. */
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
    return quotedAt(this.#payload, this.#frameAt + idAt(this.seq));
  }

  idHash(): number {
    const payload = this.#payload;
    let hash = 0;
    for (let at = this.#frameAt + idAt(this.seq); at < this.#end; at++) {
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

  /** All from this one to another of the same payload. */
  upTo(last: PublishedMessage): MessageRun | undefined {
    if (last.#payload !== this.#payload) return undefined;
    return new PublishedRun(this.#payload, this.seq, last.seq, this.#keyAt, last.#end);
  }
}

/** What objects of a run cost beside the bytes, measured on Node 20. */
const PUBLISHED_COST = 200;

/** A part of a payload, or all of it. */
class PublishedRun implements MessageRun {
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

  messages(): readonly LiveMessage[] {
    return readMessages(this.#payload, this.firstSeq, this.#start, this.#end);
  }
}

/** What a message costs that is kept as an object, beside its frame. */
const LISTED_COST = 200;

class ListedRun implements MessageRun {
  readonly #messages: readonly LiveMessage[];

  constructor(messages: readonly LiveMessage[]) {
    this.#messages = messages;
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
