import { useWebSocket } from '@holdfast/client/react';
import Box from '@mui/material/Box';
import { useEffect, useState } from 'react';
import type { SessionEntry } from '../sessions/session-entry.js';
import { persistenceArguments, SESSION_PERSISTENCE } from '../settings/session-persistence.js';
import { ChatHeader } from './chat-header.js';
import { ChatNotices } from './chat-notices.js';
import { MessageView } from './message-view.js';
import { SendBox } from './send-box.js';
import type { SessionSummary } from './session-summary.js';

interface ChatPanelProps {
  readonly entry: SessionEntry;
  /** A session that is not looked at stays connected, but shows nothing. */
  readonly isShown: boolean;
  readonly onSummary: (id: string, summary: SessionSummary | undefined) => void;
}

/** One open session: its connection, and while it is looked at its messages. */
export function ChatPanel({ entry: { id, persistence }, isShown, onSummary }: ChatPanelProps) {
  const { persistMessages, redisPersistence } = persistenceArguments(persistence);
  const chat = useWebSocket('/ws/chat/', true, id, persistMessages, redisPersistence);
  const { status, messages, hidden, session } = chat;

  const [draft, setDraft] = useState('');
  const [seen, setSeen] = useState(0);
  const total = hidden + messages.length;
  if (isShown && seen !== total) setSeen(total);
  const unread = Math.max(0, total - seen);
  const expiresAt = session?.expiresAt;
  useEffect(() => onSummary(id, { status, unread, expiresAt }), [id, status, unread, expiresAt, onSummary]);
  useEffect(() => () => onSummary(id, undefined), [id, onSummary]);

  if (!isShown) return null;
  return (
    <Box
      component="section"
      aria-label={`Chat ${id}`}
      sx={{ flex: 1, minWidth: 0, display: 'flex', flexDirection: 'column' }}
    >
      <ChatHeader
        sessionId={id}
        status={status}
        retryAt={chat.retryAt}
        count={chat.count}
        session={session}
        storage={chat.storage}
        onReconnect={chat.reconnect}
      />
      <ChatNotices
        broadcast={chat.broadcast}
        error={chat.error}
        onBroadcastRead={chat.clearBroadcast}
        onErrorRead={chat.clearError}
      />
      <MessageView
        messages={messages}
        hidden={hidden}
        hint={`No messages yet. ${SESSION_PERSISTENCE[persistence].explanation}.`}
      />
      <SendBox
        draft={draft}
        onDraft={setDraft}
        isConnected={status === 'connected'}
        maxBytes={session?.maxMessageBytes}
        onSend={chat.send}
      />
    </Box>
  );
}
