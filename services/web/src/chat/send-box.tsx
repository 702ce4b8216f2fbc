import { DEFAULT_MESSAGE_MAX_BYTES, utf8Length } from '@holdfast/protocol';
import SendIcon from '@mui/icons-material/Send';
import Box from '@mui/material/Box';
import IconButton from '@mui/material/IconButton';
import TextField from '@mui/material/TextField';
import type { KeyboardEvent, SubmitEvent } from 'react';

interface SendBoxProps {
  readonly draft: string;
  readonly onDraft: (draft: string) => void;
  readonly isConnected: boolean;
  readonly maxBytes: number | undefined;
  readonly onSend: (content: string) => void;
}

/** The length of a message is shown from this share of the limit on. */
const NEAR_LIMIT = 0.8;

/** The field in which a message is written. Enter sends it; Shift and Enter begin a new line. */
export function SendBox({ draft, onDraft, isConnected, maxBytes = DEFAULT_MESSAGE_MAX_BYTES, onSend }: SendBoxProps) {
  const bytes = utf8Length(draft);
  const isTooLong = bytes > maxBytes;
  const isEmpty = draft.trim() === '';

  const send = () => {
    if (isEmpty || isTooLong) return;
    onSend(draft);
    onDraft('');
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While a word is being composed (Japanese, Chinese …) Enter ends the word and does not send.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  const isNear = bytes > maxBytes * NEAR_LIMIT;
  const offline = isConnected ? undefined : 'Not connected: messages are sent when the connection is back.';
  return (
    <Box
      component="form"
      onSubmit={onSubmit}
      sx={{ display: 'flex', gap: 1, alignItems: 'flex-start', p: { xs: 1, sm: 2 }, pt: { xs: 1, sm: 1 } }}
    >
      <TextField
        id="message"
        label="Message"
        value={draft}
        onChange={(event) => onDraft(event.target.value)}
        onKeyDown={onKeyDown}
        multiline
        maxRows={6}
        fullWidth
        size="small"
        error={isTooLong}
        helperText={isNear ? `${bytes} of ${maxBytes} bytes` : offline}
        slotProps={{ input: { sx: { bgcolor: 'background.paper' } } }}
      />
      <IconButton type="submit" color="primary" aria-label="Send" disabled={isEmpty || isTooLong}>
        <SendIcon />
      </IconButton>
    </Box>
  );
}
