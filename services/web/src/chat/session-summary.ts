import type { ChatStatus } from '@holdfast/client/react';

/** What the card of a session shows about its open connection. */
export interface SessionSummary {
  readonly status: ChatStatus;
  /** Number of messages of others since the reader last looked at the session. */
  readonly unread: number;
  /** Whether messages of the reader are pending, or were refused. */
  readonly hasUnsent: boolean;
  /** When the session expires, Unix milliseconds; absent when it is not kept in Redis. */
  readonly expiresAt: number | undefined;
}

interface StatusLook {
  readonly label: string;
  readonly color: 'success' | 'warning' | 'error' | 'default';
}

export const STATUS_LOOK: Record<ChatStatus, StatusLook> = {
  connected: { label: 'Connected', color: 'success' },
  connecting: { label: 'Connecting', color: 'default' },
  reconnecting: { label: 'Reconnecting', color: 'warning' },
  disconnected: { label: 'Disconnected', color: 'error' },
};
