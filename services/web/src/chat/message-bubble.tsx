import type { ChatMessage } from '@holdfast/client/react';
import ScheduleIcon from '@mui/icons-material/Schedule';
import Avatar from '@mui/material/Avatar';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { memo } from 'react';
import { dateAndTime, timeOfDay } from '../time-text.js';
import { senderLook } from './sender-look.js';

interface MessageBubbleProps {
  readonly message: ChatMessage;
  /** Whether the message before is of the same sender: then who it is goes without saying. */
  readonly isContinued: boolean;
}

const OWN = { bgcolor: 'primary.main', color: 'primary.contrastText', borderBottomRightRadius: 4 };
const OTHER = { bgcolor: 'background.paper', color: 'text.primary', borderBottomLeftRadius: 4 };

/** One message: the reader's own on the right, others' on the left with their name. */
export const MessageBubble = memo(function MessageBubble({ message, isContinued }: MessageBubbleProps) {
  const { content, sender, timestamp, isSent, pending, seq } = message;
  const { color, initials } = senderLook(sender);
  const name = isSent ? 'You' : sender;
  return (
    <Box
      component="li"
      data-own={isSent}
      data-pending={pending === true}
      sx={{
        display: 'flex',
        flexDirection: isSent ? 'row-reverse' : 'row',
        alignItems: 'flex-end',
        gap: 1,
        mt: isContinued ? 0.5 : 1.5,
      }}
    >
      <Box aria-hidden sx={{ width: 32, flexShrink: 0, display: isSent ? 'none' : 'block' }}>
        {!isContinued && (
          <Avatar sx={{ width: 32, height: 32, fontSize: 13, bgcolor: color, color: '#fff' }}>{initials}</Avatar>
        )}
      </Box>
      <Box
        sx={{
          maxWidth: 'min(75%, 640px)',
          px: 1.5,
          py: 0.75,
          borderRadius: 4,
          boxShadow: 1,
          opacity: pending ? 0.65 : 1,
          ...(isSent ? OWN : OTHER),
        }}
      >
        {!isContinued && !isSent && (
          <Typography variant="caption" sx={{ fontWeight: 700, color: 'text.secondary', overflowWrap: 'anywhere' }}>
            {name}
          </Typography>
        )}
        {isSent && <span style={HIDDEN}>You: </span>}
        <Typography variant="body1" sx={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {content}
        </Typography>
        <Typography
          variant="caption"
          component="div"
          title={`${dateAndTime(timestamp)}${seq === undefined ? '' : `, message ${seq}`}`}
          sx={{ display: 'flex', gap: 0.5, alignItems: 'center', justifyContent: 'flex-end', opacity: 0.8 }}
        >
          {pending && <ScheduleIcon aria-hidden sx={{ fontSize: 14 }} />}
          {pending && <span>Pending</span>}
          <time dateTime={new Date(timestamp).toISOString()}>{timeOfDay(timestamp)}</time>
        </Typography>
      </Box>
    </Box>
  );
});

/** For screen readers only. */
const HIDDEN = { position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)' } as const;
