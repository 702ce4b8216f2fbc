import type { Position } from '@holdfast/protocol';
import { type LiveMessage, lineEnd, quotedAt, readMessages } from './message-run.js';
import type { LogEntry } from './port.js';
import { bodyAt, storedFrame } from './stored-frame.js';

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

/** What happened to a session by another hand (V7). */
export type SessionEvent =
  | { readonly event: 'extended'; readonly ttl: number }
  | { readonly event: 'deleted'; readonly epoch: string }
  /** Two histories were joined under this epoch (G4). */
  | { readonly event: 'epoch'; readonly epoch: string };

const UNSTORED_HEAD = '{"type":"message","id":"';

/** A log entry as rooms deliver it: with the frame of V2 rendered. */
export function liveMessageOf({ seq, id, senderKey, body }: LogEntry): LiveMessage {
  return { seq, id, senderKey, frame: Buffer.from(storedFrame(seq, id, body)) };
}

/** The log entry of a stored message as it was published. */
export function logEntryOf({ seq, id, senderKey, frame }: LiveMessage): LogEntry {
  return { seq, id, senderKey, body: frame.toString('utf8', bodyAt(seq, id)) };
}

const TIMESTAMP = '"timestamp":';

/** What an append takes of a message that was stored before: everything but its time. */
export function headOf(body: string): string {
  return body.slice(0, body.lastIndexOf(TIMESTAMP) + TIMESTAMP.length);
}

/** The V2 frame of an unstored message; `body` as in `storedFrame`. */
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

function decodeStored(payload: Buffer, start: number, fields: string[]): LivePayload | undefined {
  const [epoch, first, id] = fields;
  const firstSeq = wholeNumber(first);
  if (epoch === undefined || id === undefined || firstSeq === undefined || firstSeq < 1) return undefined;
  const messages = readMessages(payload, firstSeq, start);
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
