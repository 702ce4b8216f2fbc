import { isSessionId, SESSION_ID_MAX_LENGTH } from '@holdfast/protocol';
import AddIcon from '@mui/icons-material/Add';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { type SubmitEvent, useState } from 'react';
import { generateSessionId } from './session-entry.js';

interface AddSessionFormProps {
  readonly onAdd: (id: string) => void;
}

/** Adds a session with the id that is entered. Without one it makes up an id. */
export function AddSessionForm({ onAdd }: AddSessionFormProps) {
  const [text, setText] = useState('');
  const id = text.trim();
  const isWrong = id !== '' && !isSessionId(id);

  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (isWrong) return;
    onAdd(id || generateSessionId());
    setText('');
  };

  return (
    <Box component="form" onSubmit={onSubmit} sx={{ display: 'flex', flexDirection: 'column', gap: 1 }}>
      <TextField
        id="session-id"
        label="Session ID"
        value={text}
        onChange={(event) => setText(event.target.value)}
        size="small"
        fullWidth
        autoComplete="off"
        error={isWrong}
        helperText={
          isWrong
            ? `At most ${SESSION_ID_MAX_LENGTH} letters, digits and . _ ~ -, and not . or .. alone`
            : 'Leave it empty for a generated one'
        }
        slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: 'none' } }}
      />
      <Button type="submit" variant="contained" disabled={isWrong} startIcon={<AddIcon />}>
        Add Session
      </Button>
    </Box>
  );
}
