/** A WebSocket close code of the protocol, with what the server says with it. */
export interface CloseCode {
  readonly code: number;
  /** Sent as the close reason. */
  readonly reason: string;
}

/** Codes that a client must know, apart from the table: a browser's bundle has no use for the rest of it. */
export const OVERLOADED_CODE = 1013;
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
  unauthorized: { code: 4401, reason: 'token missing, bad or expired' },
  forbidden: { code: 4403, reason: 'not allowed' },
  sessionDeleted: { code: SESSION_DELETED_CODE, reason: 'session deleted' },
  tooSlow: { code: 4408, reason: 'too slow' },
  rate: { code: RATE_CODE, reason: 'rate' },
} as const satisfies Record<string, CloseCode>;

export type CloseName = keyof typeof CLOSE;

/** After these, connecting again comes to the same end. */
const FINAL_CODES: readonly number[] = [1008, 4401, 4403, SESSION_DELETED_CODE];

/** Whether a client should reconnect after this close code; codes the protocol does not name count as yes. */
export function shouldReconnect(code: number): boolean {
  return !FINAL_CODES.includes(code);
}
