import type { ChatError } from '@holdfast/client/react';
import type { BroadcastFrame } from '@holdfast/protocol';
import Alert from '@mui/material/Alert';
import AlertTitle from '@mui/material/AlertTitle';
import { timeOfDay } from '../time-text.js';

interface ChatNoticesProps {
  readonly broadcast: BroadcastFrame | undefined;
  readonly error: ChatError | undefined;
  readonly onBroadcastRead: () => void;
  readonly onErrorRead: () => void;
}

/** What the operator has to say, and what went wrong last. */
export function ChatNotices({ broadcast, error, onBroadcastRead, onErrorRead }: ChatNoticesProps) {
  return (
    <>
      {broadcast && (
        <Alert severity={broadcast.level} variant="filled" square onClose={onBroadcastRead} aria-label="Broadcast">
          <AlertTitle>
            {broadcast.title || 'Announcement'} · {timeOfDay(broadcast.timestamp)}
          </AlertTitle>
          {broadcast.message}
        </Alert>
      )}
      {error && (
        <Alert
          severity={SEVERE.has(error.code) ? 'error' : 'warning'}
          square
          onClose={onErrorRead}
          aria-label="Problem"
        >
          {error.message} <code>{error.code}</code>
        </Alert>
      )}
    </>
  );
}

/** Problems that do not pass by themselves. */
const SEVERE: ReadonlySet<string> = new Set([
  'closed',
  'forbidden',
  'unauthorized',
  'session_deleted',
  'outbox_full',
  'message_too_large',
]);
