import Alert from '@mui/material/Alert';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import DialogActions from '@mui/material/DialogActions';
import DialogContent from '@mui/material/DialogContent';
import DialogContentText from '@mui/material/DialogContentText';
import DialogTitle from '@mui/material/DialogTitle';
import { useState } from 'react';
import { flushSync } from 'react-dom';
import { deleteSession } from '../session-api.js';
import { forgetSession } from './forget-session.js';
import type { SessionEntry } from './session-entry.js';

interface DeleteSessionDialogProps {
  readonly entry: SessionEntry;
  readonly onCancel: () => void;
  /** Called when the session is to leave the list. */
  readonly onRemove: () => void;
}

/** Asks before a session is removed. A session in Redis can be deleted for everybody or removed from this list only. */
export function DeleteSessionDialog({ entry: { id, persistence }, onCancel, onRemove }: DeleteSessionDialogProps) {
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isStored = persistence === 'redis';

  const remove = async () => {
    setBusy(true);
    try {
      if (isStored) await deleteSession(id);
      // The chat must have ended before, because it stores what it knows when it ends.
      flushSync(onRemove);
      forgetSession(id);
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
      setBusy(false);
    }
  };

  return (
    <Dialog open onClose={onCancel} aria-labelledby="delete-title">
      <DialogTitle id="delete-title">Delete session {id}?</DialogTitle>
      <DialogContent>
        <DialogContentText>
          {isStored
            ? 'Its messages are deleted from Redis, and everybody in it is disconnected.'
            : 'Its messages in this browser are deleted.'}
        </DialogContentText>
        {error !== undefined && <Alert severity="error">{error}</Alert>}
      </DialogContent>
      <DialogActions>
        <Button onClick={onCancel}>Cancel</Button>
        {isStored && <Button onClick={onRemove}>Remove from list</Button>}
        <Button color="error" variant="contained" disabled={isBusy} onClick={() => void remove()}>
          Delete
        </Button>
      </DialogActions>
    </Dialog>
  );
}
