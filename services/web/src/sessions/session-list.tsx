import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useState } from 'react';
import type { SessionSummary } from '../chat/session-summary.js';
import { DeleteSessionDialog } from './delete-session-dialog.js';
import { SessionCard } from './session-card.js';
import type { SessionEntry } from './session-entry.js';

interface SessionListProps {
  readonly sessions: readonly SessionEntry[];
  readonly selected: string | undefined;
  /** Ids of the sessions that are connected or about to be. */
  readonly open: readonly string[];
  readonly summaries: ReadonlyMap<string, SessionSummary>;
  readonly onSelect: (id: string) => void;
  readonly onRemove: (id: string) => void;
}

export function SessionList({ sessions, selected, open, summaries, onSelect, onRemove }: SessionListProps) {
  const [asked, setAsked] = useState<SessionEntry>();
  return (
    <Box
      component="section"
      aria-labelledby="sessions-title"
      sx={{ flex: 1, minHeight: 180, overflowY: 'auto', mx: -1, px: 1 }}
    >
      <Typography id="sessions-title" component="h2" variant="subtitle1" sx={{ fontWeight: 700, mb: 1 }}>
        Sessions
      </Typography>
      {sessions.length === 0 && (
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          No sessions yet. Add one to start chatting: give it the id that somebody told you, or a new one.
        </Typography>
      )}
      <Box component="ul" sx={{ m: 0, p: 0, display: 'flex', flexDirection: 'column', gap: 1, listStyle: 'none' }}>
        {sessions.map((entry) => (
          <SessionCard
            key={entry.id}
            entry={entry}
            isSelected={entry.id === selected}
            isOpen={open.includes(entry.id)}
            summary={summaries.get(entry.id)}
            onSelect={() => onSelect(entry.id)}
            onDelete={() => setAsked(entry)}
          />
        ))}
      </Box>
      {asked && (
        <DeleteSessionDialog
          entry={asked}
          onCancel={() => setAsked(undefined)}
          onRemove={() => {
            setAsked(undefined);
            onRemove(asked.id);
          }}
        />
      )}
    </Box>
  );
}
