import type { ChatError } from '@holdfast/client/react';
import Alert from '@mui/material/Alert';

interface ProblemAlertProps {
  readonly error: ChatError;
  readonly onClose: () => void;
}

/** Problems that do not pass by themselves. They are shown as errors, all others as warnings. */
const SEVERE: ReadonlySet<string> = new Set([
  'closed',
  'forbidden',
  'unauthorized',
  'session_deleted',
  'outbox_full',
  'message_too_large',
  'id_conflict',
]);

/** Shows the latest problem, with the server's code if it has one. */
export function ProblemAlert({ error: { code, message }, onClose }: ProblemAlertProps) {
  return (
    <Alert severity={SEVERE.has(code) ? 'error' : 'warning'} square onClose={onClose} data-code={code}>
      {message}
      {code.includes('_') && <code> {code}</code>}
    </Alert>
  );
}
