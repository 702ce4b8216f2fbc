import type { ChatStatus } from '@holdfast/client/react';

/** What a session's card shows of its open connection. */
export interface SessionSummary {
  readonly status: ChatStatus;
  /** Messages of others since the session was last looked at. */
  readonly unread: number;
  /** Unix milliseconds; absent without Redis. */
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
