import type { ChatSession, ChatStatus } from '@holdfast/client/react';
import type { StorageState } from '@holdfast/protocol';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Chip from '@mui/material/Chip';
import Typography from '@mui/material/Typography';
import { useNow } from '../now.js';
import { durationText } from '../time-text.js';
import { STATUS_LOOK } from './session-summary.js';

interface ChatHeaderProps {
  readonly sessionId: string;
  readonly status: ChatStatus;
  readonly retryAt: number | undefined;
  readonly count: number;
  readonly session: ChatSession | undefined;
  readonly storage: StorageState;
  readonly onReconnect: () => void;
}

/** The name of the session, its number of messages, and the state of its connection. */
export function ChatHeader({ sessionId, status, retryAt, count, session, storage, onReconnect }: ChatHeaderProps) {
  const { label, color } = STATUS_LOOK[status];
  const canConnect = status === 'disconnected' || retryAt !== undefined;
  return (
    <Box
      sx={{
        display: 'flex',
        flexWrap: 'wrap',
        alignItems: 'center',
        gap: 1,
        px: { xs: 1.5, sm: 3 },
        py: 1.5,
        borderBottom: 1,
        borderColor: 'divider',
        bgcolor: 'background.paper',
      }}
    >
      <Box sx={{ flex: 1, minWidth: 120 }}>
        <Typography component="h2" variant="h6" sx={{ lineHeight: 1.2, overflowWrap: 'anywhere' }}>
          {sessionId}
        </Typography>
        <Typography variant="caption" sx={{ color: 'text.secondary' }}>
          {count === 1 ? '1 message' : `${count} messages`}
        </Typography>
      </Box>
      {storage === 'memory' && session?.persistence === 'redis' && (
        <Chip
          size="small"
          color="warning"
          label="Redis is away"
          title="Messages are pending. They are stored when Redis is back."
        />
      )}
      <Box role="status" aria-label="Connection" sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
        {retryAt !== undefined && <RetryIn at={retryAt} />}
        <Chip
          size="small"
          variant="outlined"
          color={color}
          label={label}
          title={session ? `on a ${session.color} gateway` : undefined}
        />
      </Box>
      {canConnect && (
        <Button size="small" onClick={onReconnect}>
          Connect now
        </Button>
      )}
    </Box>
  );
}

function RetryIn({ at }: { readonly at: number }) {
  const now = useNow(500);
  return (
    <Typography variant="caption" aria-hidden sx={{ color: 'text.secondary' }}>
      again in {durationText(Math.ceil(Math.max(0, at - now) / 1_000))}
    </Typography>
  );
}
