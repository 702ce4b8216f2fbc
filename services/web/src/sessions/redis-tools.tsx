import Alert from '@mui/material/Alert';
import Box from '@mui/material/Box';
import Chip from '@mui/material/Chip';
import IconButton from '@mui/material/IconButton';
import { useState } from 'react';
import { fetchStoredMessages } from '../session-api.js';
import { SessionTtl } from './session-ttl.js';
import { type Fetched, StoredMessages } from './stored-messages.js';

interface RedisToolsProps {
  readonly sessionId: string;
  /** Whether the session has a connection, which knows when it expires. */
  readonly isLive: boolean;
  /** When the session expires as its connection says, Unix milliseconds. */
  readonly liveExpiresAt: number | undefined;
}

/** What only the card of a session in Redis has: its stored messages and its time to live. */
export function RedisTools({ sessionId, isLive, liveExpiresAt }: RedisToolsProps) {
  const [fetched, setFetched] = useState<Fetched>();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const fail = (reason: unknown) => setError(reason instanceof Error ? reason.message : String(reason));

  const refresh = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setFetched({ at: Date.now(), messages: await fetchStoredMessages(sessionId) });
    } catch (reason) {
      fail(reason);
    }
    setBusy(false);
  };

  return (
    <Box sx={{ px: 1.5, pb: 1 }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 0.5 }}>
        <Chip label="Redis" size="small" color="primary" />
        <IconButton
          size="small"
          aria-label="Fetch messages from Redis"
          title="Fetch messages from Redis"
          disabled={isBusy}
          onClick={() => void refresh()}
          sx={{ fontSize: 15, lineHeight: 1 }}
        >
          <span aria-hidden>🔄</span>
        </IconButton>
        <SessionTtl sessionId={sessionId} isLive={isLive} liveExpiresAt={liveExpiresAt} onError={fail} />
      </Box>
      {error !== undefined && (
        <Alert severity="error" onClose={() => setError(undefined)} sx={{ mt: 1 }}>
          {error}
        </Alert>
      )}
      {fetched && <StoredMessages fetched={fetched} onClose={() => setFetched(undefined)} />}
    </Box>
  );
}
