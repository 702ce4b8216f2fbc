/** Limits of the wire contract. Configurable ones have their defaults here, so that clients can use them. */

/** The characters of session ids, send ids and client secrets (C2, V20, C1). */
const ID_CHARACTERS = /^[A-Za-z0-9._~-]+$/;

export const SESSION_ID_MAX_LENGTH = 128;
/** What a session id must be (C2), in words that follow "must be". */
export const SESSION_ID_RULE = `1 to ${SESSION_ID_MAX_LENGTH} of A-Z a-z 0-9 . _ ~ -, and neither . nor ..`;
export const SEND_ID_MAX_LENGTH = 64;
export const CLIENT_SECRET_MIN_LENGTH = 16;
export const CLIENT_SECRET_MAX_LENGTH = 64;

/** Default of `MESSAGE_MAX_BYTES`: most bytes of one content in UTF-8 (C6). */
export const DEFAULT_MESSAGE_MAX_BYTES = 16_384;
/** A frame may have this many times the bytes of the content limit, because JSON escapes need room (C6). */
export const FRAME_BYTES_FACTOR = 8;
/** Most bytes of a whole signal frame (V21). */
export const SIGNAL_MAX_BYTES = 1_024;
/** This many invalid frames within {@link INVALID_FRAME_WINDOW_MS} close a connection with 1008 (V23). */
export const INVALID_FRAME_LIMIT = 10;
export const INVALID_FRAME_WINDOW_MS = 60_000;
/**
 * A connection may send this many seconds' worth of frames above its rate limit at once, and at least
 * {@link EXCESS_FRAMES_MIN}; one more closes it with 4429 (V24).
 */
export const EXCESS_SECONDS = 10;
export const EXCESS_FRAMES_MIN = 1_000;
/** Default of `MESSAGE_HISTORY_MAX`: messages kept per session (K2). */
export const DEFAULT_MESSAGE_HISTORY_MAX = 1_000;
/** Default of `SESSION_MAX_BYTES`: bytes of messages kept per session (K2). */
export const DEFAULT_SESSION_MAX_BYTES = 16_777_216;
/** Most bytes of stored messages that one read of a history gives, unless it asks for others; so does a page of the API (H4). */
export const HISTORY_READ_MAX_BYTES = 1_048_576;
/** A session's custom data has at most this many bytes of JSON, and this many levels of nesting. */
export const SESSION_DATA_MAX_BYTES = 16_384;
export const SESSION_DATA_MAX_DEPTH = 32;
/** Default of `REDIS_SESSION_TTL`, seconds (T1). */
export const DEFAULT_SESSION_TTL = 3_600;

/** A request's head, which is its request line and its headers, has at most this many bytes, line ends included (H5). */
export const HEAD_MAX_BYTES = 16_384;
/** A request has at most this many header lines (H5). */
export const HEAD_MAX_LINES = 90;
/** Servers behind a proxy read heads that are larger by this many bytes, because proxies add lines (H5). */
export const HEAD_PROXY_BYTES = 1_024;

/** The subprotocol name of the framed protocol (C3). */
export const FRAMED_PROTOCOL = 'holdfast.v1';

/**
 * Whether a value may name a session (C2): 1–128 of `A-Z a-z 0-9 . _ ~ -`, and neither `.` nor `..`. In a path those
 * two are steps: clients take them out of a URL before they send it, and would address another resource.
 */
export function isSessionId(value: unknown): value is string {
  return isStoredSessionId(value) && value !== '.' && value !== '..';
}

/** Whether a stored session may have this id: one of C2, or `.` or `..`, which earlier releases took. */
export function isStoredSessionId(value: unknown): value is string {
  return isIdOfLength(value, 1, SESSION_ID_MAX_LENGTH);
}

/** Whether a value may identify a send: 1–64 of the characters of C2 (V20). */
export function isSendId(value: unknown): value is string {
  return isIdOfLength(value, 1, SEND_ID_MAX_LENGTH);
}

/** Whether a value may be a client's secret: 16–64 of the characters of C2 (C1). */
export function isClientSecret(value: unknown): value is string {
  return isIdOfLength(value, CLIENT_SECRET_MIN_LENGTH, CLIENT_SECRET_MAX_LENGTH);
}

function isIdOfLength(value: unknown, min: number, max: number): value is string {
  return typeof value === 'string' && value.length >= min && value.length <= max && ID_CHARACTERS.test(value);
}

/** Bytes of a string in UTF-8. A lone surrogate counts as the three bytes of its replacement character. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (isLeadingSurrogate(unit) && isTrailingSurrogate(text.charCodeAt(i + 1))) {
      bytes += 4;
      i += 1;
    } else bytes += 3;
  }
  return bytes;
}

function isLeadingSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isTrailingSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
