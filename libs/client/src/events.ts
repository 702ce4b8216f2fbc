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
  readonly sender: string;
  /** Unix milliseconds: when it was stored; a pending or unstored one: when the gateway took it. */
  readonly timestamp: number;
  /** Its number in the session. Absent: not stored, or not yet. */
  readonly seq?: number;
  /** Held by the gateway while Redis is away; an `update` follows. */
  readonly pending?: true;
  /** Whether this client sent it. */
  readonly isSent: boolean;
  readonly sessionId: string;
}

/** Every event of a {@link HoldfastClient}, with what its listeners get. */
export interface ClientEvents {
  /** The connection goes from one state to another. */
  state: ConnectionState;
  /** A connection is open. `recovered` tells whether everything missed follows (R1, R2). */
  welcome: WelcomeFrame;
  /** A message, each once. */
  message: ChatMessage;
  /** A message that was given before now has a number, or another one. */
  update: ChatMessage;
  /** A message of this client has been accepted; its promise has the same result. */
  accepted: Extract<SendResult, { ok: true }>;
  /** A message of this client will not be sent any more; its promise has the same result. */
  rejected: Extract<SendResult, { ok: false }> & { readonly content: string };
  /** The outbox has changed; `client.outbox` has its entries. */
  outbox: { readonly size: number };
  /** Messages with these numbers will never come: they were trimmed from the history before this client got them. */
  gap: { readonly from: number; readonly to: number };
  /** The history from this number on may differ from what was given; it comes again as `message` and `update`. */
  reset: { readonly epoch: string; readonly from: number };
  /** V7 as it came; `gap` and `reset` have events of their own too. */
  session: SessionFrame;
  /** Whether the gateway has Redis (V6). Also after each welcome. */
  storage: StorageState;
  /** V9, each once. */
  broadcast: BroadcastFrame;
  presence: PresenceFrame;
  signal: SignalFrame;
  /** The gateway is about to go; the client moves by itself. */
  drain: DrainFrame;
  /** Something was refused (V11). A message that may be sent again is sent again after `retryAfterMs`. */
  refused: ErrorFrame;
  /** The browser's storage failed (full, or forbidden): outbox and position may not outlive the page. */
  storageError: unknown;
}
