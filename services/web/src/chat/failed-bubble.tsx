import type { FailedMessage } from '@holdfast/client/react';
import ErrorIcon from '@mui/icons-material/ErrorOutlineOutlined';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { Bubble, Content, HiddenText, Row } from './bubble-parts.js';

export interface FailedActions {
  /** Sends the message again, as it is. */
  readonly onResend: (id: string) => void;
  /** Puts the message into the field in which messages are written. */
  readonly onEdit: (id: string) => void;
  readonly onDiscard: (id: string) => void;
}

interface FailedBubbleProps extends FailedActions {
  readonly message: FailedMessage;
}

/** A message of the reader that was refused: its text, why, and what can be done with it. */
export function FailedBubble({ message, onResend, onEdit, onDiscard }: FailedBubbleProps) {
  const { id, content, code, message: reason } = message;
  return (
    <Row data-own="true" data-failed={code}>
      <Bubble>
        <HiddenText>Not sent: </HiddenText>
        <Content>{content}</Content>
        <Typography
          variant="caption"
          component="p"
          sx={{ display: 'flex', alignItems: 'flex-start', gap: 0.5, color: 'error.main' }}
        >
          <ErrorIcon aria-hidden sx={{ fontSize: 14, mt: '3px' }} />
          Not sent: {reason}
        </Typography>
        <Box sx={{ display: 'flex', justifyContent: 'flex-end', gap: 0.5, mx: -1 }}>
          <Button size="small" onClick={() => onResend(id)}>
            Send again
          </Button>
          <Button size="small" onClick={() => onEdit(id)}>
            Edit
          </Button>
          <Button size="small" onClick={() => onDiscard(id)}>
            Discard
          </Button>
        </Box>
      </Bubble>
    </Row>
  );
}
