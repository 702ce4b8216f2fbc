import { jsonProblem } from './json-problem.js';
import { isSendId, SIGNAL_MAX_BYTES, utf8Length } from './limits.js';
import type { ErrorCode } from './server-frames.js';

/**
 * A position in a session's history: the epoch, a number, and the id of the message with that number (K6).
 *
 * The epoch tells histories apart that have the same numbers. A client that has seen 1 to 3 of one history and comes back
 * to another one with 1 to 4 would otherwise be given only 4. The id tells the same where an older copy of Redis has come
 * back within an epoch, and another message was stored under a number that had been delivered.
 */
export interface Position {
  readonly epoch: string;
  /** 0 before the first message. */
  readonly seq: number;
  /** `""` at seq 0. */
  readonly id: string;
}

/** V20: sends a message. */
export interface SendFrame {
  type: 'send';
  id: string;
  content: string;
  retry?: true;
  after?: Position;
}

/** V21: sends a signal, which is not stored. */
export interface SignalSendFrame {
  type: 'signal';
  name: string;
  data?: unknown;
}

/** V22: replaces the token before it expires. */
export interface AuthFrame {
  type: 'auth';
  token: string;
}

/** V22: asks for a pong. */
export interface PingFrame {
  type: 'ping';
  id?: string;
}

export type ClientFrame = SendFrame | SignalSendFrame | AuthFrame | PingFrame;

/** Why a client's frame was refused. `id` is the send's id, if it could be read, so that the sender can match them. */
export interface FrameProblem {
  readonly code: Extract<ErrorCode, 'invalid_frame' | 'empty_message' | 'message_too_large'>;
  readonly message: string;
  readonly id?: string;
}

export type ParsedFrame = { ok: true; frame: ClientFrame } | { ok: false; problem: FrameProblem };

/**
 * Reads one text frame of a framed client (V20–V23, C6). Never throws; unknown fields are ignored.
 *
 * @param maxMessageBytes the limit on a content, bytes of UTF-8
 */
export function parseClientFrame(text: string, maxMessageBytes: number): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return invalid('the frame is not JSON');
  }
  if (!isObject(value)) return invalid('the frame is not a JSON object');
  switch (value['type']) {
    case 'send':
      return parseSend(value, maxMessageBytes);
    case 'signal':
      return parseSignal(value, text);
    case 'auth':
      return parseAuth(value);
    case 'ping':
      return parsePing(value);
    default:
      return invalid('"type" must be one of send, signal, auth, ping');
  }
}

/**
 * Checks a message's content (C6).
 *
 * @returns the problem, or nothing when the content may be sent
 */
export function contentProblem(content: string, maxMessageBytes: number, id?: string): FrameProblem | undefined {
  if (content.length === 0) return problem('empty_message', 'a message has at least one byte of content', id);
  // UTF-8 takes one to three bytes per unit of a string: most contents need no exact count.
  const isLong = content.length * 3 > maxMessageBytes;
  if (isLong && (content.length > maxMessageBytes || utf8Length(content) > maxMessageBytes)) {
    return problem('message_too_large', `a message has at most ${maxMessageBytes} bytes of content`, id);
  }
  return undefined;
}

function parseSend(value: Record<string, unknown>, maxMessageBytes: number): ParsedFrame {
  const { id, content, retry, after } = value;
  if (!isSendId(id)) return invalid('"id" must be 1 to 64 of A-Z a-z 0-9 . _ ~ -');
  if (typeof content !== 'string') return invalid('"content" must be a string', id);
  if (retry !== undefined && typeof retry !== 'boolean') return invalid('"retry" must be true or absent', id);
  if (after !== undefined && !isPosition(after)) {
    return invalid('"after" must be {"epoch": string, "seq": whole number, "id": string}', id);
  }
  const refused = contentProblem(content, maxMessageBytes, id);
  if (refused) return { ok: false, problem: refused };
  const frame: SendFrame = { type: 'send', id, content };
  if (retry === true) frame.retry = true;
  if (after !== undefined) frame.after = { epoch: after.epoch, seq: after.seq, id: after.id };
  return { ok: true, frame };
}

function parseSignal(value: Record<string, unknown>, text: string): ParsedFrame {
  const { name, data } = value;
  if (!isSendId(name)) return invalid('"name" must be 1 to 64 of A-Z a-z 0-9 . _ ~ -');
  if (utf8Length(text) > SIGNAL_MAX_BYTES) return invalid(`a signal has at most ${SIGNAL_MAX_BYTES} bytes`);
  if (data === undefined) return { ok: true, frame: { type: 'signal', name } };
  const changed = jsonProblem(text, 'data');
  return changed === undefined ? { ok: true, frame: { type: 'signal', name, data } } : invalid(changed);
}

function parseAuth(value: Record<string, unknown>): ParsedFrame {
  const { token } = value;
  if (typeof token !== 'string' || token.length === 0) return invalid('"token" must be a non-empty string');
  return { ok: true, frame: { type: 'auth', token } };
}

function parsePing(value: Record<string, unknown>): ParsedFrame {
  const { id } = value;
  if (id === undefined) return { ok: true, frame: { type: 'ping' } };
  if (!isSendId(id)) return invalid('"id" must be 1 to 64 of A-Z a-z 0-9 . _ ~ -');
  return { ok: true, frame: { type: 'ping', id } };
}

function isPosition(value: unknown): value is Position {
  if (!isObject(value)) return false;
  const { epoch, seq, id } = value;
  if (typeof epoch !== 'string' || epoch.length > 64 || !isSeq(seq)) return false;
  return id === '' || isSendId(id);
}

/** Whether a value is a message number: a whole number from 0 to 2^53 − 1. */
export function isSeq(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string, id?: string): ParsedFrame {
  return { ok: false, problem: problem('invalid_frame', message, id) };
}

function problem(code: FrameProblem['code'], message: string, id?: string): FrameProblem {
  return id === undefined ? { code, message } : { code, message, id };
}
