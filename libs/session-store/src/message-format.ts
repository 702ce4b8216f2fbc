/**
 * A stored message in its forms (K2, V2), built and read byte for byte. `lua/parts/messages.lua` is the same for Lua.
 *
 * The frame is `{"type":"message","seq":SEQ,"id":"ID","content":…,"sender":…,"timestamp":MS}`. The text of a log entry
 * is its part from the id on, the body its part from `"content":` on, and the head is the body up to and including
 * `"timestamp":`, which is what senders give to an append.
 */
import type { LogEntry } from './port.js';

/** A stored message as it is delivered. */
export interface LiveMessage {
  readonly seq: number;
  readonly id: string;
  readonly senderKey: string;
  /** The frame of V2, ready to forward: often a view into the payload that brought it. */
  readonly frame: Buffer;
}

const FRAME_HEAD = '{"type":"message","seq":';
const ID_HEAD = ',"id":"';
const UNSTORED_HEAD = '{"type":"message","id":"';
const TIMESTAMP = '"timestamp":';
/** Bytes at the end of a frame that hold all of its time. */
const TIMESTAMP_BYTES_MAX = 40;

/** What a message and its repetitions have in common (A4): sender key and id, neither of which has spaces. */
export function messageName({ senderKey, id }: { readonly senderKey: string; readonly id: string }): string {
  return `${senderKey} ${id}`;
}

/** The text of a log entry. With a head instead of the body it lacks the time. */
export function entryText(id: string, body: string): string {
  return `${id}",${body}`;
}

/** Id and body of a log entry's text; both are arbitrary when another program has written the text. */
export function parseEntryText(text: string): { id: string; body: string } {
  const idEnd = text.indexOf('"');
  return { id: text.slice(0, idEnd), body: text.slice(idEnd + 2) };
}

/** The frame of a stored message. */
export function storedFrame(seq: number, id: string, body: string): string {
  return `${FRAME_HEAD}${seq}${ID_HEAD}${entryText(id, body)}`;
}

/** The frame of an unstored message: it has no number. */
export function unstoredFrame(id: string, body: string): string {
  return `${UNSTORED_HEAD}${entryText(id, body)}`;
}

/** Where the id begins in the frame of a number. Bytes. */
export function idOffset(seq: number): number {
  return FRAME_HEAD.length + digits(seq) + ID_HEAD.length;
}

/** Where the id begins in the frame of an unstored message. Bytes. */
export const UNSTORED_ID_OFFSET = UNSTORED_HEAD.length;

/** A stored message of the log as it is delivered. */
export function liveMessageOf({ seq, id, senderKey, body }: LogEntry): LiveMessage {
  return { seq, id, senderKey, frame: Buffer.from(storedFrame(seq, id, body)) };
}

/** A delivered message as it is in the log. */
export function logEntryOf({ seq, id, senderKey, frame }: LiveMessage): LogEntry {
  return { seq, id, senderKey, body: frame.toString('utf8', idOffset(seq) + id.length + 2) };
}

/** The body of a message that is stored at a time. @param ms Unix milliseconds */
export function bodyOf(head: string, ms: number): string {
  return `${head}${Math.floor(ms)}}`;
}

/** The head of a stored message: its body without the time. */
export function headOf(body: string): string {
  return body.slice(0, body.lastIndexOf(TIMESTAMP) + TIMESTAMP.length);
}

/** Whether a delivered message has this head: then it is the same message, but for its time. */
export function hasHead({ seq, id, frame }: LiveMessage, head: string): boolean {
  const at = idOffset(seq);
  const text = Buffer.from(entryText(id, head));
  return frame.subarray(at, at + text.length).equals(text);
}

/** When a message was stored, Unix milliseconds; 0 when its body or frame does not tell. */
export function storedAt(message: string | Buffer): number {
  const end =
    typeof message === 'string'
      ? message
      : message.toString('latin1', Math.max(0, message.length - TIMESTAMP_BYTES_MAX));
  return Number(/"timestamp":(\d+)\}$/.exec(end)?.[1] ?? 0);
}

function digits(seq: number): number {
  let count = 1;
  for (let rest = seq; rest >= 10; rest = Math.floor(rest / 10)) count += 1;
  return count;
}
