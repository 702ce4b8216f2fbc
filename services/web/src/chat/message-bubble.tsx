import type { ChatMessage } from '@holdfast/client/react';
import ScheduleIcon from '@mui/icons-material/Schedule';
import { memo } from 'react';
import { dateAndTime, timeOfDay } from '../time-text.js';
import { Bubble, Content, Face, Foot, HiddenText, Name, Row } from './bubble-parts.js';
import { senderLook } from './sender-look.js';

interface MessageBubbleProps {
  readonly message: ChatMessage;
  /** Whether the message before is of the same sender. The name is then left out. */
  readonly isContinued: boolean;
}

/** One message. The reader's own stand on the right, those of others on the left with their sender's name. */
export const MessageBubble = memo(function MessageBubble({ message, isContinued }: MessageBubbleProps) {
  const { content, sender, timestamp, isSent, pending, seq } = message;
  const { color, initials } = senderLook(sender);
  const number = seq === undefined ? '' : `, message ${seq}`;
  return (
    <Row data-own={isSent} data-pending={pending === true} data-continued={isContinued}>
      {!isSent && (
        <Face aria-hidden style={isContinued ? { visibility: 'hidden' } : { backgroundColor: color }}>
          {initials}
        </Face>
      )}
      <Bubble>
        {isSent && <HiddenText>You: </HiddenText>}
        {!isSent && !isContinued && <Name>{sender}</Name>}
        <Content>{content}</Content>
        <Foot title={dateAndTime(timestamp) + number}>
          {pending && <ScheduleIcon aria-hidden sx={{ fontSize: 14 }} />}
          {pending && <span>Pending</span>}
          <time dateTime={new Date(timestamp).toISOString()}>{timeOfDay(timestamp)}</time>
        </Foot>
      </Bubble>
    </Row>
  );
});
