import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Typography from '@mui/material/Typography';
import type { StoredFace } from '../session-api.js';
import { timeOfDay } from '../time-text.js';

/** The stored messages of a session as they were fetched. */
export interface Fetched {
  /** When they were fetched, Unix milliseconds. */
  readonly at: number;
  readonly messages: readonly StoredFace[];
}

interface StoredMessagesProps {
  readonly fetched: Fetched;
  readonly onClose: () => void;
}

/** How many entries are shown: the newest ones. */
const SHOWN = 100;

/** Shows what Redis has of a session: each message as it was sent, and its reply, as the API gives them. */
export function StoredMessages({ fetched: { at, messages }, onClose }: StoredMessagesProps) {
  const sent = messages.filter(({ isSent }) => isSent).length;
  return (
    <Box component="section" aria-label="Messages in Redis" sx={{ mt: 1 }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: 1 }}>
        <Typography variant="caption" role="status" sx={{ flex: 1 }}>
          {sent === 1 ? '1 message' : `${sent} messages`} in Redis at {timeOfDay(at)}
        </Typography>
        <Button size="small" onClick={onClose}>
          Hide
        </Button>
      </Box>
      {messages.length > SHOWN && <Typography variant="caption">The newest {SHOWN} entries:</Typography>}
      <Box
        component="ol"
        // A region that scrolls must be reachable by keyboard.
        tabIndex={0}
        sx={{ m: 0, p: 0, maxHeight: 180, overflowY: 'auto', listStyle: 'none' }}
      >
        {messages.slice(-SHOWN).map(({ seq, isSent, timestamp, content }) => (
          <Typography
            key={`${seq} ${isSent}`}
            component="li"
            variant="caption"
            sx={{ display: 'block', color: isSent ? 'text.primary' : 'text.secondary', overflowWrap: 'anywhere' }}
          >
            {timeOfDay(timestamp)} {isSent ? '→' : '←'} {content}
          </Typography>
        ))}
      </Box>
    </Box>
  );
}
