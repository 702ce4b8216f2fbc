import type { Position } from '@holdfast/protocol';
import { type LiveMessage, UNSTORED_ID_OFFSET } from './message-format.js';
import { lineEnd, quotedAt, readMessages } from './message-segment.js';

/**
 * What is published on a session's channel (K3). The first line tells the kind:
 *
 * - `m EPOCH SEQ ID`: stored messages: their epoch, the number of the first, and the id before the first (K6). Each
 *   message follows in two lines: its sender key, and the frame of V2, ready to forward (A3).
 * - `u COUNT`: one unstored message, with its gateway's own count. Sender key and frame follow in the same way.
 * - `g FROM`: a signal of the member with this connection id. The frame of V10 follows.
 * - `s`: an event of the session. Its JSON follows.
 *
 * The scripts publish `m` and `s` from Lua: see `lua/parts/messages.lua`.
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

/** The position after the messages of a payload. */
export function endOf({ before, messages }: Extract<LivePayload, { kind: 'stored' }>): Position {
  const last = messages.at(-1);
  return last ? { epoch: before.epoch, seq: last.seq, id: last.id } : before;
}

/** What a script has done to a session (V7). */
export type SessionEvent =
  /** `ttl` in seconds. */
  | { readonly event: 'extended'; readonly ttl: number }
  | { readonly event: 'deleted'; readonly epoch: string }
  /** Two histories were joined under this epoch (G4). */
  | { readonly event: 'epoch'; readonly epoch: string };

/** Builds the payload of stored messages. @param before the position before the first one */
export function encodeStored(before: Position, messages: readonly { senderKey: string; frame: string }[]): Buffer {
  const lines = [`m ${before.epoch} ${before.seq + 1} ${before.id}`];
  for (const message of messages) lines.push(message.senderKey, message.frame);
  return Buffer.from(lines.join('\n'));
}

/** Builds the payload of one unstored message. */
export function encodeUnstored(count: number, senderKey: string, frame: string): string {
  return `u ${count}\n${senderKey}\n${frame}`;
}

/** Builds the payload of a signal. */
export function encodeSignal(connectionId: string, frame: string): string {
  return `g ${connectionId}\n${frame}`;
}

/** Builds the payload of an event. */
export function encodeSessionEvent(event: SessionEvent): string {
  return `s\n${JSON.stringify(event)}`;
}

/** Reads a payload. @returns nothing for an unknown payload, which another release may have published */
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
  // Numbers above 2^53 are not told apart, so that they would not follow on each other (K6).
  if (firstSeq + messages.length > Number.MAX_SAFE_INTEGER) return undefined;
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
    message: { id: quotedAt(frame, UNSTORED_ID_OFFSET), senderKey, frame },
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
