import type { Position } from '@holdfast/protocol';
import type { LogEntry } from './port.js';

/**
 * What is published on a session's live channel. The first line tells the kind:
 *
 * - `m EPOCH SEQ ID`: stored messages; the epoch, the number of the first one, and the id before it (K6). Two lines a
 *   message follow: its sender key, and the frame of V2, ready to forward (A3).
 * - `u COUNT`: one unstored message: its sender's gateway's own count, then sender key and frame the same way.
 * - `g FROM`: a signal of the member with this connection id: the frame of V10.
 * - `s`: an event of the session as JSON.
 */
export type LivePayload =
  | {
      readonly kind: 'stored';
      /** The position before the first message. */
      readonly before: Position;
      readonly messages: readonly LiveMessage[];
    }
  | { readonly kind: 'unstored'; readonly count: number; readonly message: Omit<LiveMessage, 'seq'> }
  | { readonly kind: 'signal'; readonly from: string; readonly frame: Buffer }
  | { readonly kind: 'session'; readonly event: SessionEvent };

export interface LiveMessage {
  readonly seq: number;
  readonly id: string;
  readonly senderKey: string;
  /** The frame of V2, ready to forward: a view into the payload. */
  readonly frame: Buffer;
}

/** What happened to a session by another hand (V7). */
export type SessionEvent =
  | { readonly event: 'extended'; readonly ttl: number }
  | { readonly event: 'deleted'; readonly epoch: string }
  /** Two histories were joined under this epoch (G4). */
  | { readonly event: 'epoch'; readonly epoch: string };

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const FRAME_HEAD = '{"type":"message","seq":';
const UNSTORED_HEAD = '{"type":"message","id":"';
const ID_HEAD = ',"id":"';

/** The V2 frame of a stored message from its log entry's parts. */
export function storedFrame(seq: number, id: string, body: string): string {
  return `${FRAME_HEAD}${seq}${ID_HEAD}${id}",${body}`;
}

/** The log entry of a stored message as it was published. */
export function logEntryOf({ seq, id, senderKey, frame }: LiveMessage): LogEntry {
  const head = FRAME_HEAD.length + digits(seq) + ID_HEAD.length + id.length + 2;
  return { seq, id, senderKey, body: frame.toString('utf8', head) };
}

const TIMESTAMP = '"timestamp":';

/** What an append takes of a message that was stored before: everything but its time. */
export function headOf(body: string): string {
  return body.slice(0, body.lastIndexOf(TIMESTAMP) + TIMESTAMP.length);
}

/** The V2 frame of an unstored message; `body` as in {@link storedFrame}. */
export function unstoredFrame(id: string, body: string): string {
  return `${UNSTORED_HEAD}${id}",${body}`;
}

/** Builds the payload of stored messages, as `append-2.lua` does. */
export function encodeStored(before: Position, messages: readonly { senderKey: string; frame: string }[]): Buffer {
  const lines = [`m ${before.epoch} ${before.seq + 1} ${before.id}`];
  for (const message of messages) lines.push(message.senderKey, message.frame);
  return Buffer.from(lines.join('\n'));
}

export function encodeUnstored(count: number, senderKey: string, frame: string): string {
  return `u ${count}\n${senderKey}\n${frame}`;
}

export function encodeSignal(connectionId: string, frame: string): string {
  return `g ${connectionId}\n${frame}`;
}

export function encodeSessionEvent(event: SessionEvent): string {
  return `s\n${JSON.stringify(event)}`;
}

/** Reads a payload. Nothing when it is none of ours: another release's, which may differ. */
export function decodeLive(payload: Buffer): LivePayload | undefined {
  const headEnd = lineEnd(payload, 0);
  const [kind, ...fields] = payload.toString('latin1', 0, headEnd).split(' ');
  switch (kind) {
    case 'm':
      return decodeStored(payload, headEnd + 1, fields);
    case 'u':
      return decodeUnstored(payload, headEnd + 1, fields);
    case 'g':
      return { kind: 'signal', from: fields[0] ?? '', frame: payload.subarray(headEnd + 1) };
    case 's':
      return decodeSessionEvent(payload.toString('utf8', headEnd + 1));
    default:
      return undefined;
  }
}

/**
 * A message where it stands in its payload: what is asked of few messages is read when it is asked. Rooms keep
 * thousands of them, which the garbage collector goes through again and again.
 */
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
    const start = this.#frameAt + FRAME_HEAD.length + digits(this.seq) + ID_HEAD.length;
    return quotedAt(this.#payload, start);
  }

  get senderKey(): string {
    return this.#payload.toString('latin1', this.#keyAt, this.#frameAt - 1);
  }

  get frame(): Buffer {
    return this.#payload.subarray(this.#frameAt, this.#end);
  }
}

function decodeStored(payload: Buffer, start: number, fields: string[]): LivePayload | undefined {
  const [epoch, first, id] = fields;
  const firstSeq = wholeNumber(first);
  if (epoch === undefined || id === undefined || firstSeq === undefined || firstSeq < 1) return undefined;
  const messages: LiveMessage[] = [];
  for (let at = start, seq = firstSeq; at < payload.length; seq++) {
    const keyEnd = lineEnd(payload, at);
    const frameEnd = lineEnd(payload, keyEnd + 1);
    messages.push(new PublishedMessage(seq, payload, at, keyEnd + 1, frameEnd));
    at = frameEnd + 1;
  }
  return { kind: 'stored', before: { epoch, seq: firstSeq - 1, id }, messages };
}

function decodeUnstored(payload: Buffer, start: number, fields: string[]): LivePayload | undefined {
  const count = wholeNumber(fields[0]);
  if (count === undefined) return undefined;
  const keyEnd = lineEnd(payload, start);
  const frame = payload.subarray(keyEnd + 1);
  const senderKey = payload.toString('latin1', start, keyEnd);
  return {
    kind: 'unstored',
    count,
    message: { id: quotedAt(frame, UNSTORED_HEAD.length), senderKey, frame },
  };
}

function decodeSessionEvent(json: string): LivePayload | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  return isSessionEvent(value) ? { kind: 'session', event: value } : undefined;
}

function isSessionEvent(value: unknown): value is SessionEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { event, ttl, epoch } = value as Record<string, unknown>;
  return event === 'extended'
    ? Number.isSafeInteger(ttl)
    : (event === 'deleted' || event === 'epoch') && typeof epoch === 'string';
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function lineEnd(payload: Buffer, from: number): number {
  const at = payload.indexOf(NEWLINE, from);
  return at < 0 ? payload.length : at;
}

function quotedAt(frame: Buffer, start: number): string {
  return frame.toString('latin1', start, frame.indexOf(QUOTE, start));
}

function digits(seq: number): number {
  let count = 1;
  for (let rest = seq; rest >= 10; rest = Math.floor(rest / 10)) count += 1;
  return count;
}
