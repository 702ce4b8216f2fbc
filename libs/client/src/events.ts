import type {
  BroadcastFrame,
  DrainFrame,
  ErrorFrame,
  PresenceFrame,
  SessionFrame,
  SignalFrame,
  StorageState,
  WelcomeFrame,
} from '@holdfast/protocol';
import type { ConnectionState } from './connection-state.js';
import type { SendResult } from './outbox.js';

/** A message of the session. */
export interface ChatMessage {
  readonly id: string;
  readonly content: string;
  /** The server could not decrypt the message: `content` is empty. */
  readonly error?: 'key_missing' | 'not_authentic';
  readonly sender: string;
  /** Unix milliseconds: when the message was stored, or while it is not stored, when the gateway received it. */
  readonly timestamp: number;
  /** The message's number in the session. Absent while the message is not stored. */
  readonly seq?: number;
  /** The gateway keeps the message until Redis is back. An `update` follows. */
  readonly pending?: true;
  /** Whether this client sent it. */
  readonly isSent: boolean;
  readonly sessionId: string;
}

/** Every event of a {@link HoldfastClient}, with the value that its listeners receive. */
export interface ClientEvents {
  /** The connection goes from one state to another. */
  state: ConnectionState;
  /** A connection is open. `recovered` tells whether every missed message follows (R1, R2). */
  welcome: WelcomeFrame;
  /** A message has arrived. Each message is given once. */
  message: ChatMessage;
  /** A message that was given before has got its number, or another number. */
  update: ChatMessage;
  /** A message of this client was accepted. Its promise resolves to the same value. */
  accepted: Extract<SendResult, { ok: true }>;
  /** A message of this client was refused for good. Its promise resolves to the same result. */
  rejected: Extract<SendResult, { ok: false }> & { readonly content: string };
  /** The outbox has changed. Its entries are in `client.outbox`. */
  outbox: { readonly size: number };
  /** Messages with these numbers will never arrive: the history was trimmed before this client received them. */
  gap: { readonly from: number; readonly to: number };
  /** From this number on the history may differ from what was given. It follows again, as `message` and `update`. */
  reset: { readonly epoch: string; readonly from: number };
  /** The frame of V7. Its `gap` and `reset` are also events of their own. */
  session: SessionFrame;
  /** Whether the gateway reaches Redis (V6). Emitted after each welcome too. */
  storage: StorageState;
  /** A broadcast of the operator (V9). Each is given once. */
  broadcast: BroadcastFrame;
  presence: PresenceFrame;
  signal: SignalFrame;
  /** The gateway is about to stop (V8). The client moves to another one by itself. */
  drain: DrainFrame;
  /** The server refused a frame (V11). A message that it may accept later is sent again after `retryAfterMs`. */
  refused: ErrorFrame;
  /** The token could not be renewed, because of this. The client asks again until the token has expired. */
  tokenError: unknown;
  /** The storage threw this (full, or forbidden). Outbox and position may not outlive the page. */
  storageError: unknown;
}
