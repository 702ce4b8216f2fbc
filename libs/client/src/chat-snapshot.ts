import type { BroadcastFrame, StorageState, WelcomeFrame } from '@holdfast/protocol';
import type { ConnectionState } from './connection-state.js';
import type { ChatMessage } from './events.js';
import type { FailedMessage } from './failed-messages.js';
import type { keyOf, MessageGap } from './message-list.js';

export type ChatStatus = 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

/** What went wrong, with a sentence for the user. */
export interface ChatError {
  /**
   * A code of V11, or `gap`, `closed`, `storage`, `outbox_full`, `session_deleted`, `fetch`. `unauthorized` and
   * `forbidden` also tell that the client is not let in.
   */
  readonly code: string;
  readonly message: string;
}

/**
 * The newest welcome, kept up to date. Times to live are in seconds. `ttl` is `null` from an expiry on until a frame tells
 * the next session's, because that session does not inherit it.
 */
export type ChatSession = WelcomeFrame & {
  /** Unix milliseconds by this machine's clock. Absent without persistence, and while `ttl` is unknown. */
  readonly expiresAt?: number;
};

/**
 * What stands before the first message that is there. `first`: nothing, it is the first one of the session, or the first
 * one that this browser has kept. `trimmed`: older messages, which are not kept any more. `live`: what was said before
 * this page was opened, which is not kept for it. `unknown`: the history has not come yet.
 */
export type HistoryStart = 'first' | 'trimmed' | 'live' | 'unknown';

/** What a chat page shows. Each change makes a new object, so that snapshots can be compared by identity. */
export interface ChatSnapshot {
  readonly status: ChatStatus;
  /** When the next attempt to connect begins, Unix milliseconds. Absent unless the client waits for one. */
  readonly retryAt: number | undefined;
  /** In order. The messages of the outbox come last, as pending. */
  readonly messages: readonly ChatMessage[];
  /** This client's messages that were refused for good, the oldest first. They stay until they are resent or discarded. */
  readonly failed: readonly FailedMessage[];
  /** How many older messages were dropped beyond `maxMessages`. */
  readonly hidden: number;
  /** Numbers of messages that are not kept any more, by the {@link keyOf} of the message that stands behind them. */
  readonly gaps: ReadonlyMap<string, MessageGap>;
  readonly start: HistoryStart;
  /** How many messages the session has had. Without persistence: how many this client has seen. */
  readonly count: number;
  /** Absent before the first connection. */
  readonly session: ChatSession | undefined;
  /** Whether the gateway reaches Redis (V6). */
  readonly storage: StorageState;
  /** Whether messages that are pending or failed outlive the page. */
  readonly keepsUnsent: boolean;
  /** The operator's newest broadcast that has not been dismissed (V9). */
  readonly broadcast: BroadcastFrame | undefined;
  readonly error: ChatError | undefined;
}

/** Before the first connection. */
export function initialSnapshot({ gaps, keepsUnsent }: Pick<ChatSnapshot, 'gaps' | 'keepsUnsent'>): ChatSnapshot {
  return {
    status: 'connecting',
    retryAt: undefined,
    messages: [],
    failed: [],
    hidden: 0,
    gaps,
    start: 'unknown',
    count: 0,
    session: undefined,
    storage: 'redis',
    keepsUnsent,
    broadcast: undefined,
    error: undefined,
  };
}

/** @param seconds until the session expires; null: it is not known */
export function withExpiry(
  session: ChatSession | undefined,
  seconds: number | null,
  now: number,
): ChatSession | undefined {
  if (!session) return undefined;
  const { expiresAt: _before, ...others } = session;
  return seconds === null ? others : { ...others, expiresAt: now + seconds * 1_000 };
}

/** @param isTrimmed whether this browser has left out older messages; absent when it keeps none */
export function historyStart(
  {
    persistMessages,
    redisPersistence,
  }: { persistMessages?: boolean | undefined; redisPersistence?: boolean | undefined },
  messages: readonly ChatMessage[],
  session: ChatSession | undefined,
  isTrimmed: boolean | undefined,
): HistoryStart {
  if (isTrimmed !== undefined) return isTrimmed ? 'trimmed' : 'first';
  if (!persistMessages || !redisPersistence) return 'live';
  const number = messages.find(({ seq }) => seq !== undefined)?.seq;
  if (number !== undefined) return number > 1 ? 'trimmed' : 'first';
  return session?.epoch && session.seq === 0 ? 'first' : 'unknown';
}

export function statusOf(state: ConnectionState, wasOpen: boolean): ChatStatus {
  switch (state.kind) {
    case 'open':
      return 'connected';
    case 'closed':
      return 'disconnected';
    case 'waiting':
      return 'reconnecting';
    case 'idle':
    case 'connecting':
      return wasOpen ? 'reconnecting' : 'connecting';
  }
}
