import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import { useNow } from '../now.js';
import { extendSession } from '../session-api.js';
import { durationText } from '../time-text.js';
import { type Expiry, useRemainingTtl } from './use-remaining-ttl.js';

interface SessionTtlProps {
  readonly sessionId: string;
  /** Whether the session has a connection, which knows when it expires. */
  readonly isLive: boolean;
  /** When the session expires as its connection says, Unix milliseconds. */
  readonly liveExpiresAt: number | undefined;
  readonly onError: (error: unknown) => void;
}

/** Time to live that the button `Extend` sets, seconds. */
const EXTENSION = 3_600;

/** Shows how long a session in Redis has left, with a button that extends it. */
export function SessionTtl({ sessionId, isLive, liveExpiresAt, onError }: SessionTtlProps) {
  const { expiry, setRemaining } = useRemainingTtl(sessionId, isLive, liveExpiresAt);
  const [isBusy, setBusy] = useState(false);
  const now = useNow(1_000);

  const extend = async () => {
    setBusy(true);
    try {
      const left = expiry.kind === 'expires' ? Math.max(0, Math.ceil((expiry.at - Date.now()) / 1_000)) : 0;
      setRemaining(await extendSession(sessionId, left + EXTENSION));
    } catch (error) {
      onError(error);
    }
    setBusy(false);
  };

  return (
    <>
      <Typography
        variant="caption"
        component="div"
        role="timer"
        aria-label="Time to live"
        sx={{ color: 'text.secondary', flex: 1 }}
      >
        {expiryText(expiry, now)}
      </Typography>
      <Button
        size="small"
        onClick={() => void extend()}
        disabled={isBusy || expiry.kind !== 'expires'}
        title="Let it live an hour longer"
      >
        Extend
      </Button>
    </>
  );
}

function expiryText(expiry: Expiry, now: number): string {
  switch (expiry.kind) {
    case 'unknown':
      return 'Time to live unknown';
    case 'gone':
      return 'Not in Redis now';
    case 'expires':
      return expiry.at <= now ? 'Expired' : `Expires in ${durationText((expiry.at - now) / 1_000)}`;
  }
}
