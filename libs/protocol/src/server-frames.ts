/**
 * Frames that the server sends: those of the framed protocol `holdfast.v1` (V1–V11, V22), and the plain ones (P2–P5).
 */

export type InstanceColor = 'blue' | 'green';
export type StorageState = 'redis' | 'memory';
export type BroadcastLevel = 'info' | 'warning' | 'error' | 'success';
export const BROADCAST_LEVELS: readonly BroadcastLevel[] = ['info', 'warning', 'error', 'success'];

/** V1: the first frame of every framed connection. Times in milliseconds, `ttl` and `remainingTtl` in seconds. */
export interface WelcomeFrame {
  type: 'welcome';
  protocol: 'holdfast.v1';
  sessionId: string;
  connectionId: string;
  /**
   * The `sender` of this member's own messages (C7), since ids are unique per client only. Older gateways leave it out.
   */
  sender?: string;
  persistence: 'redis' | 'none';
  storage: StorageState;
  /** `null` without persistence; `""` while the session is unknown because Redis is away (D1). */
  epoch: string | null;
  /** Newest delivered number; 0 when there is none. */
  seq: number;
  /** Oldest kept number; 0 when there is none. */
  firstSeq: number;
  recovered: boolean;
  /** `null` without persistence. */
  ttl: number | null;
  remainingTtl: number | null;
  color: InstanceColor;
  heartbeatMs: number;
  maxMessageBytes: number;
  serverTime: number;
}

/** V2: a stored message; without persistence `seq` is absent. */
export interface MessageFrame {
  type: 'message';
  seq?: number;
  /** V3: the message waits in the gateway while Redis is away. It comes again with a `seq`. */
  pending?: true;
  id: string;
  content: string;
  /** An encrypted content that cannot be read: `content` is empty (E1). */
  error?: 'key_missing' | 'not_authentic';
  sender: string;
  timestamp: number;
}

/** V4: the answer to a retried send that was already stored. */
export interface AckFrame {
  type: 'ack';
  id: string;
  seq: number;
}

/** V5: `seq` is the newest delivered number. */
export interface HeartbeatFrame {
  type: 'heartbeat';
  timestamp: number;
  seq: number;
}

/** V6: where the gateway stores messages now. */
export interface StatusFrame {
  type: 'status';
  storage: StorageState;
}

/** V7: something happened to the session. `ttl` and `remainingTtl` in seconds. */
export type SessionFrame = { type: 'session' } & (
  | { event: 'extended'; ttl: number }
  | { event: 'expiring'; remainingTtl: number }
  | { event: 'expired' }
  | { event: 'deleted' }
  | { event: 'gap'; from: number; to: number }
  | { event: 'reset'; epoch: string; from: number }
);

/** V8: the gateway is about to stop. Both times are milliseconds from now. */
export interface DrainFrame {
  type: 'drain';
  reconnectInMs: number;
  deadlineMs: number;
}

/** V9 on the framed protocol, with an `id`, and P5 on the plain one, without. */
export interface BroadcastFrame {
  type: 'broadcast';
  id?: string;
  title: string;
  message: string;
  level: BroadcastLevel;
  timestamp: number;
}

/** V10: a member has come or gone. */
export interface PresenceFrame {
  type: 'presence';
  event: 'join' | 'leave';
  sender: string;
  members: number;
}

/** V10, V21: a signal of another member. */
export interface SignalFrame {
  type: 'signal';
  sender: string;
  name: string;
  data: unknown;
}

export type ErrorCode =
  | 'invalid_frame'
  | 'empty_message'
  | 'message_too_large'
  | 'rate_limited'
  | 'forbidden'
  | 'unauthorized'
  | 'not_stored'
  | 'id_conflict'
  | 'overloaded';

/** V11: a frame was refused, or a send failed. `id` is that of the send, if there is one. */
export interface ErrorFrame {
  type: 'error';
  code: ErrorCode;
  message: string;
  id?: string;
  retryAfterMs?: number;
}

/** V22: the answer to a ping. */
export interface PongFrame {
  type: 'pong';
  id?: string;
}

export type ServerFrame =
  | WelcomeFrame
  | MessageFrame
  | AckFrame
  | HeartbeatFrame
  | StatusFrame
  | SessionFrame
  | DrainFrame
  | BroadcastFrame
  | PresenceFrame
  | SignalFrame
  | ErrorFrame
  | PongFrame;

/** P2: a message as plain connections get it. */
export interface PlainMessageFrame {
  type: 'message';
  /** The session's count after this message. */
  count: number;
  echo: string;
  content: string;
  timestamp: number;
  isSent: false;
  sessionId: string;
}

/** P3: the heartbeat of plain connections. */
export interface PlainHeartbeatFrame {
  /** ISO 8601. */
  ts: string;
}

/** P4: the server is about to close, because it shuts down. */
export interface PlainByeFrame {
  bye: true;
  total: number;
  message: string;
}

/** The content a reader of the plain protocol sees: `Message #N: CONTENT` (P2, and the reply face of the history). */
export function replyContent(count: number, content: string): string {
  return `Message #${count}: ${content}`;
}

/** Builds the frame of P2. */
export function plainMessage(sessionId: string, count: number, content: string, timestamp: number): PlainMessageFrame {
  return {
    type: 'message',
    count,
    echo: content,
    content: replyContent(count, content),
    timestamp,
    isSent: false,
    sessionId,
  };
}
