/** A WebSocket close code of the protocol, with what a client should do about it. */
export interface CloseCode {
  readonly code: number;
  /** Sent as the close reason. */
  readonly reason: string;
  /** Whether a client should connect again by itself. */
  readonly reconnect: boolean;
}

/** Every close code the server uses. Clients ask {@link shouldReconnect}, so that the property lives here only. */
export const CLOSE = {
  goingAway: { code: 1001, reason: 'going away', reconnect: true },
  invalidUtf8: { code: 1007, reason: 'invalid UTF-8', reconnect: true },
  protocolAbuse: { code: 1008, reason: 'protocol abuse', reconnect: false },
  tooBig: { code: 1009, reason: 'frame too big', reconnect: true },
  restart: { code: 1012, reason: 'restart', reconnect: true },
  overloaded: { code: 1013, reason: 'overloaded', reconnect: true },
  unauthorized: { code: 4401, reason: 'token missing, bad or expired', reconnect: false },
  forbidden: { code: 4403, reason: 'not allowed', reconnect: false },
  sessionDeleted: { code: 4404, reason: 'session deleted', reconnect: false },
  tooSlow: { code: 4408, reason: 'too slow', reconnect: true },
  rate: { code: 4429, reason: 'rate', reconnect: true },
} as const satisfies Record<string, CloseCode>;

export type CloseName = keyof typeof CLOSE;

const NO_RECONNECT: ReadonlySet<number> = new Set(
  Object.values(CLOSE)
    .filter((entry) => !entry.reconnect)
    .map((entry) => entry.code),
);

/** Whether a client should reconnect after this close code; codes the protocol does not name count as yes. */
export function shouldReconnect(code: number): boolean {
  return !NO_RECONNECT.has(code);
}
