import {
  type ChatMessage,
  type FailedMessage,
  type HistoryStart,
  keyOf,
  type MessageGap,
} from '@holdfast/client/react';
import ArrowDownwardIcon from '@mui/icons-material/ArrowDownward';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Divider from '@mui/material/Divider';
import Fab from '@mui/material/Fab';
import Typography from '@mui/material/Typography';
import { Fragment, useState } from 'react';
import type { sessionPersistenceType } from '../settings/session-persistence.js';
import { dayOf } from '../time-text.js';
import { type FailedActions, FailedBubble } from './failed-bubble.js';
import { historyStartText, noMessagesText } from './history-start.js';
import { MessageBubble } from './message-bubble.js';
import { useStickToBottom } from './use-stick-to-bottom.js';

interface MessageViewProps extends FailedActions {
  readonly messages: readonly ChatMessage[];
  /** The reader's messages that were refused. */
  readonly failed: readonly FailedMessage[];
  /** How many older messages this page does not keep. */
  readonly hidden: number;
  /** Numbers of messages that are not kept any more, by the key of the message that stands behind them. */
  readonly gaps: ReadonlyMap<string, MessageGap>;
  readonly start: HistoryStart;
  readonly persistence: sessionPersistenceType;
}

/** How many messages are shown, and how many more when the reader asks for earlier ones. Thousands would be slow. */
const STEP = 200;

/** The messages, with the newest at the bottom. The newest stays in view unless the reader has scrolled up. */
export function MessageView({ messages, failed, hidden, gaps, start, persistence, ...actions }: MessageViewProps) {
  const newest = messages.at(-1);
  const refused = failed.at(-1)?.id;
  const stick = useStickToBottom<HTMLDivElement>(
    refused ?? newest?.id,
    refused !== undefined || newest?.isSent === true,
  );
  const { list, onScroll, toBottom, isAway } = stick;
  /** Index of the first message shown, counted over all of the session. It stays while the reader is further up. */
  const [first, setFirst] = useState(0);
  const wanted = hidden + Math.max(0, messages.length - STEP);
  if (first > wanted || (!isAway && first !== wanted)) setFirst(wanted);
  const skipped = Math.max(0, first - hidden);
  const shown = messages.slice(skipped);
  const showEarlier = () => {
    stick.keepPlace();
    setFirst(first - STEP);
  };
  const beginning =
    failed.length > 0 && messages.length === 0 ? undefined : beginningText(messages.length, hidden, start, persistence);
  return (
    <Box sx={{ position: 'relative', flex: 1, minHeight: 0, display: 'flex' }}>
      <Box
        ref={list}
        onScroll={onScroll}
        role="log"
        aria-label="Messages"
        // A region that scrolls must be reachable by keyboard.
        tabIndex={0}
        sx={{ flex: 1, px: { xs: 1.5, sm: 3 }, py: 2, overflowY: 'auto', overflowAnchor: 'none' }}
      >
        <Box component="ul" sx={{ m: 0, p: 0, listStyle: 'none' }}>
          {skipped > 0 && (
            <li style={{ textAlign: 'center' }}>
              <Button size="small" onClick={showEarlier}>
                Show earlier messages ({skipped})
              </Button>
            </li>
          )}
          {skipped === 0 && beginning !== undefined && <Note text={beginning} />}
          {shown.map((message, i) => {
            const before = shown[i - 1];
            const isNewDay = !before || dayOf(before.timestamp) !== dayOf(message.timestamp);
            const gap = gaps.get(keyOf(message));
            const isContinued =
              !isNewDay && !gap && before?.sender === message.sender && before.isSent === message.isSent;
            return (
              <Fragment key={`${message.sender} ${message.id}`}>
                {isNewDay && (
                  <Divider component="li" sx={{ my: 1.5, typography: 'caption', color: 'text.secondary' }}>
                    {dayOf(message.timestamp)}
                  </Divider>
                )}
                {gap && <Note text={gapText(gap)} />}
                <MessageBubble message={message} isContinued={isContinued} />
              </Fragment>
            );
          })}
          {failed.map((message) => (
            <FailedBubble key={message.id} message={message} {...actions} />
          ))}
        </Box>
      </Box>
      {isAway && (
        <Fab
          size="small"
          color="primary"
          aria-label="Go to the newest message"
          onClick={toBottom}
          sx={{ position: 'absolute', right: 20, bottom: 12 }}
        >
          <ArrowDownwardIcon />
        </Fab>
      )}
    </Box>
  );
}

/** What stands at the top of the list once everything is shown. */
function beginningText(
  count: number,
  hidden: number,
  start: HistoryStart,
  persistence: sessionPersistenceType,
): string | undefined {
  if (count === 0) return noMessagesText(persistence, start);
  if (hidden === 0) return historyStartText(persistence, start);
  return `${hidden} earlier messages are not shown: the page holds the newest ${count} only.`;
}

function gapText({ from, to }: MessageGap): string {
  return from === to ? `Message ${from} is not kept any more.` : `Messages ${from} to ${to} are not kept any more.`;
}

function Note({ text }: { readonly text: string }) {
  return (
    <Typography component="li" variant="body2" sx={{ color: 'text.secondary', textAlign: 'center', py: 3 }}>
      {text}
    </Typography>
  );
}
