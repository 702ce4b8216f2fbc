import { HEAD_MAX_BYTES } from './limits.js';

/** Codes of failed HTTP requests, with the status of each (H3). */
export const HTTP_ERRORS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  session_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  session_exists: 409,
  session_corrupt: 409,
  id_conflict: 409,
  message_too_large: 413,
  payload_too_large: 413,
  unsupported_media_type: 415,
  expectation_failed: 417,
  rate_limited: 429,
  head_too_large: 431,
  internal_error: 500,
  draining: 503,
  overloaded: 503,
  storage_unavailable: 503,
  tokens_unavailable: 503,
} as const;

export type HttpErrorCode = keyof typeof HTTP_ERRORS;

/** The body of every failed HTTP request (H3). */
export interface HttpFailure {
  success: false;
  /** One sentence; for bad input it names the field and what is allowed. */
  error: string;
  code: HttpErrorCode;
  session_id?: string;
  /** Id of a message whose outcome is unknown. Sending the message again with this id is safe (A4, D5). */
  id?: string;
}

/** Builds the body of H3. */
export function httpFailure(code: HttpErrorCode, error: string, sessionId?: string): HttpFailure {
  return sessionId === undefined
    ? { success: false, error, code }
    : { success: false, error, code, session_id: sessionId };
}

const BAD_LENGTH = 'Content-Length must be one whole number, and absent beside Transfer-Encoding';
const BAD_REQUEST_LINE = 'a request must begin with METHOD PATH HTTP/1.1';

/** What is wrong with a request, by the code of the parser's error; other codes are rare. */
const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_INVALID_HEADER_TOKEN: 'a header has a character in its name or value that HTTP does not allow there',
  HPE_INVALID_CONTENT_LENGTH: BAD_LENGTH,
  HPE_UNEXPECTED_CONTENT_LENGTH: BAD_LENGTH,
  HPE_INVALID_TRANSFER_ENCODING: BAD_LENGTH,
  HPE_INVALID_URL: 'the path has a character that must be percent-encoded',
  HPE_INVALID_METHOD: BAD_REQUEST_LINE,
  HPE_INVALID_CONSTANT: BAD_REQUEST_LINE,
  HPE_INVALID_VERSION: BAD_REQUEST_LINE,
};

/**
 * The answer to what Node's HTTP parser refuses, which never becomes a request (H3, H5).
 *
 * @param parserCode the `code` of the parser's error
 */
export function unreadableRequest(parserCode: string | undefined): HttpFailure {
  switch (parserCode) {
    case 'HPE_HEADER_OVERFLOW':
      return httpFailure('head_too_large', `request line and headers have at most ${HEAD_MAX_BYTES} bytes`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return httpFailure('payload_too_large', 'the extensions of a chunk are too long');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return httpFailure('request_timeout', 'the request did not arrive in time');
    default:
      return httpFailure('bad_request', UNREADABLE[parserCode ?? ''] ?? 'the request is not valid HTTP');
  }
}
