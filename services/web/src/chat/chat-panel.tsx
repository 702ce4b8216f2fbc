import { useWebSocket } from '@holdfast/client/react';
import type { BroadcastFrame } from '@holdfast/protocol';
import Box from '@mui/material/Box';
import { useEffect, useState } from 'react';
import { chatToken, currentAccess, refused } from '../access/access.js';
import { useStorageProblem } from '../browser-storage.js';
import type { SessionEntry } from '../sessions/session-entry.js';
import { persistenceArguments } from '../settings/session-persistence.js';
import { ChatHeader } from './chat-header.js';
import { MessageView } from './message-view.js';
import { ProblemAlert } from './problem-alert.js';
import { SendBox } from './send-box.js';
import type { SessionSummary } from './session-summary.js';
import { useDraft } from './use-draft.js';
import { useLeaveWarning } from './use-leave-warning.js';

interface ChatPanelProps {
  readonly entry: SessionEntry;
  /** Whether the reader looks at this session. A session that is not looked at stays connected and shows nothing. */
  readonly isShown: boolean;
  readonly onSummary: (id: string, summary: SessionSummary | undefined) => void;
  /** Called when the operator tells something to everybody (V9). */
  readonly onBroadcast: (broadcast: BroadcastFrame) => void;
}

/** One open session: its connection, and its messages while the reader looks at it. */
export function ChatPanel({ entry: { id, persistence }, isShown, onSummary, onBroadcast }: ChatPanelProps) {
  const { persistMessages, redisPersistence } = persistenceArguments(persistence);
  const chat = useWebSocket('/ws/chat/', true, id, persistMessages, redisPersistence, {
    token: chatToken,
  });
  const { status, messages, failed, hidden, session } = chat;

  // Without persistence a reload of the tab brings the draft back, and nothing outlives the tab.
  const draft = useDraft(id, persistMessages);
  const hasUnsent = failed.length > 0 || messages.some(({ pending, isSent }) => pending && isSent);
  useLeaveWarning((hasUnsent && !chat.keepsUnsent) || (draft.text !== '' && !draft.isStored));
  const [seen, setSeen] = useState(0);
  const total = hidden + messages.length;
  // There are fewer than were seen when the session was deleted and begins anew.
  if (seen > total || (isShown && seen !== total)) setSeen(total);
  const unread = Math.max(0, total - seen);
  // After a deletion or a refusal this connection does not know any more when the session expires.
  const expiresAt = status === 'disconnected' ? undefined : wholeSecond(session?.expiresAt);
  useEffect(
    () => onSummary(id, { status, unread, hasUnsent, expiresAt }),
    [id, status, unread, hasUnsent, expiresAt, onSummary],
  );
  useEffect(() => () => onSummary(id, undefined), [id, onSummary]);
  useEffect(() => {
    if (chat.broadcast) onBroadcast(chat.broadcast);
  }, [chat.broadcast, onBroadcast]);

  useEffect(() => {
    if (chat.error?.code === 'unauthorized') refused(currentAccess().token, chat.error.message);
  }, [chat.error]);

  const edit = (failedId: string) => {
    const content = chat.discard(failedId)?.content;
    if (content !== undefined) draft.change(draft.text.trim() === '' ? content : `${draft.text}\n${content}`);
  };

  // The page's own notice says it for all sessions.
  const isToldByPage = useStorageProblem() === 'denied' && chat.error?.code === 'storage';

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
      {chat.error && !isToldByPage && <ProblemAlert error={chat.error} onClose={chat.clearError} />}
      <MessageView
        messages={messages}
        failed={failed}
        hidden={hidden}
        gaps={chat.gaps}
        start={chat.start}
        persistence={persistence}
        onResend={chat.resend}
        onEdit={edit}
        onDiscard={chat.discard}
      />
      <SendBox
        draft={draft.text}
        onDraft={draft.change}
        isConnected={status === 'connected'}
        maxBytes={session?.maxMessageBytes}
        onSend={chat.send}
      />
    </Box>
  );
}

/** Rounds the expiry. Each message moves it a little, and the list of sessions need not be drawn again for that. */
function wholeSecond(at: number | undefined): number | undefined {
  return at === undefined ? undefined : Math.floor(at / 1_000) * 1_000;
}
