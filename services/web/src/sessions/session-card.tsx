import DeleteIcon from '@mui/icons-material/DeleteOutlined';
import Box from '@mui/material/Box';
import Card from '@mui/material/Card';
import CardActionArea from '@mui/material/CardActionArea';
import Chip from '@mui/material/Chip';
import IconButton from '@mui/material/IconButton';
import Typography from '@mui/material/Typography';
import { type SessionSummary, STATUS_LOOK } from '../chat/session-summary.js';
import { SESSION_PERSISTENCE } from '../settings/session-persistence.js';
import { RedisTools } from './redis-tools.js';
import type { SessionEntry } from './session-entry.js';

interface SessionCardProps {
  readonly entry: SessionEntry;
  readonly isSelected: boolean;
  /** Whether the session is connected or about to be. */
  readonly isOpen: boolean;
  /** Absent while the session is not open, and until its connection has told something. */
  readonly summary: SessionSummary | undefined;
  readonly onSelect: () => void;
  readonly onDelete: () => void;
}

/** One session of the list. Selecting it connects. */
export function SessionCard({ entry, isSelected, isOpen, summary, onSelect, onDelete }: SessionCardProps) {
  const { id, persistence } = entry;
  const unread = summary?.unread ?? 0;
  return (
    <Card
      component="li"
      variant="outlined"
      data-session={id}
      aria-label={`Session ${id}`}
      sx={{ flexShrink: 0, borderColor: isSelected ? 'primary.main' : 'divider', borderWidth: isSelected ? 2 : 1 }}
    >
      <Box sx={{ display: 'flex', alignItems: 'center' }}>
        <CardActionArea
          onClick={onSelect}
          aria-current={isSelected}
          aria-label={`Open session ${id}${unread > 0 ? `, ${unread} unread` : ''}`}
          sx={{ flex: 1, minWidth: 0, px: 1.5, py: 1 }}
        >
          <Typography variant="body1" noWrap title={id} sx={{ fontWeight: 600 }}>
            {id}
          </Typography>
          <Typography variant="caption" component="div" sx={{ color: 'text.secondary' }}>
            {summary ? STATUS_LOOK[summary.status].label : 'Not connected'}
          </Typography>
        </CardActionArea>
        {unread > 0 && <Chip label={unread > 99 ? '99+' : unread} size="small" color="secondary" sx={{ mr: 0.5 }} />}
        {persistence !== 'redis' && (
          <Chip label={SESSION_PERSISTENCE[persistence].label} size="small" variant="outlined" />
        )}
        <IconButton onClick={onDelete} aria-label={`Delete session ${id}`} title="Delete session" sx={{ mx: 0.5 }}>
          <DeleteIcon fontSize="small" />
        </IconButton>
      </Box>
      {persistence === 'redis' && (
        <RedisTools sessionId={id} isLive={isOpen && knowsExpiry(summary)} liveExpiresAt={summary?.expiresAt} />
      )}
    </Card>
  );
}

/** After an expiry the connection does not know how long the session lives that the next message begins. */
function knowsExpiry(summary: SessionSummary | undefined): boolean {
  return summary?.status === 'connected' ? summary.expiresAt !== undefined : summary?.status !== 'disconnected';
}
