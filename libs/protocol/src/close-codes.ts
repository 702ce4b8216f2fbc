/** A WebSocket close code of the protocol. */
export interface CloseCode {
  readonly code: number;
  /** Sent as the close reason. */
  readonly reason: string;
}

/**
 * Codes that clients treat apart. They stand outside of the table so that a browser's bundle can leave the table out.
 */
export const OVERLOADED_CODE = 1013;
export const UNAUTHORIZED_CODE = 4401;
export const SESSION_DELETED_CODE = 4404;
export const RATE_CODE = 4429;

/** Every close code the server uses. */
export const CLOSE = {
  goingAway: { code: 1001, reason: 'going away' },
  invalidUtf8: { code: 1007, reason: 'invalid UTF-8' },
  protocolAbuse: { code: 1008, reason: 'protocol abuse' },
  tooBig: { code: 1009, reason: 'frame too big' },
  restart: { code: 1012, reason: 'restart' },
  overloaded: { code: OVERLOADED_CODE, reason: 'overloaded' },
  unauthorized: { code: UNAUTHORIZED_CODE, reason: 'token missing, bad or expired' },
  forbidden: { code: 4403, reason: 'not allowed' },
  sessionDeleted: { code: SESSION_DELETED_CODE, reason: 'session deleted' },
  tooSlow: { code: 4408, reason: 'too slow' },
  rate: { code: RATE_CODE, reason: 'rate' },
} as const satisfies Record<string, CloseCode>;

export type CloseName = keyof typeof CLOSE;

/** Codes after which another connection would be closed for the same reason. */
const FINAL_CODES: readonly number[] = [1008, UNAUTHORIZED_CODE, 4403, SESSION_DELETED_CODE];

/** Whether a client should reconnect after a close code. Codes that the protocol does not name mean yes. */
export function shouldReconnect(code: number): boolean {
  return !FINAL_CODES.includes(code);
}
