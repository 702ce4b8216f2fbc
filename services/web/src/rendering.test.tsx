import type { ChatMessage } from '@holdfast/client/react';
import { keyOf, useWebSocket } from '@holdfast/client/react';
import { ThemeProvider } from '@mui/material/styles';
import type { ComponentProps, ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { BroadcastBanner } from './broadcast-banner.js';
import { MessageBubble } from './chat/message-bubble.js';
import { MessageView } from './chat/message-view.js';
import { ProblemAlert } from './chat/problem-alert.js';
import { SendBox } from './chat/send-box.js';
import { SessionCard } from './sessions/session-card.js';
import { SettingsPanel } from './settings/settings-panel.js';
import { theme } from './theme.js';

const nothing = () => undefined;
const render = (node: ReactNode) => renderToStaticMarkup(<ThemeProvider theme={theme}>{node}</ThemeProvider>);
const message: ChatMessage = {
  id: 'm1',
  seq: 1,
  content: '<b>not bold</b>',
  sender: 'alice',
  timestamp: 1_700_000_000_000,
  isSent: false,
  sessionId: 's',
};

/** The messages of a session in Redis whose first message is there. */
function view(props: Partial<ComponentProps<typeof MessageView>>) {
  const actions = { onResend: nothing, onEdit: nothing, onDiscard: nothing };
  return (
    <MessageView
      messages={[]}
      failed={[]}
      hidden={0}
      gaps={new Map()}
      start="first"
      persistence="redis"
      {...actions}
      {...props}
    />
  );
}

describe('what components show', () => {
  it('settings: the select of the original guides, its line, and the switch', () => {
    const html = render(<SettingsPanel persistence="redis" onChange={nothing} />);
    for (const part of ['Settings', 'Session Persistence', 'Sessions stored in Redis with TTL', 'Redis persistence']) {
      expect(html).toContain(part);
    }
    for (const value of ['localStorage', 'redis', 'none']) expect(html).toMatch(new RegExp(`<option value="${value}"`));
    expect(render(<SettingsPanel persistence="none" onChange={nothing} />)).not.toContain('with TTL');
  });

  it.each(['redis', 'localStorage', 'none'] as const)('the card of a session with %s', (persistence) => {
    const html = render(
      <SessionCard
        entry={{ id: 'test-redis-123', persistence }}
        isSelected
        isOpen
        summary={{ status: 'connected', unread: 3, hasUnsent: false, expiresAt: Date.now() + 60_500 }}
        onSelect={nothing}
        onDelete={nothing}
      />,
    );
    expect(html).toContain('Connected');
    expect(html).toContain('aria-label="Open session test-redis-123, 3 unread"');
    const isRedis = persistence === 'redis';
    for (const part of ['>Redis<', 'Fetch messages from Redis', '🔄', 'Extend', 'Expires in 1 min']) {
      expect([part, html.includes(part)]).toEqual([part, isRedis]);
    }
  });

  it('a message: text as text, who and when, and whether it is pending', () => {
    const html = render(<MessageBubble message={message} isContinued={false} />);
    expect(html).toContain('&lt;b&gt;not bold&lt;/b&gt;');
    expect(html).toContain('alice');
    expect(html).toContain('dateTime="2023-11-14T22:13:20.000Z"');
    expect(html).not.toContain('Pending');
    const own = render(<MessageBubble message={{ ...message, isSent: true, pending: true }} isContinued />);
    expect(own).toContain('data-own="true"');
    expect(own).toContain('Pending');
    expect(own).not.toContain('alice');
  });

  it('a long history: only its newest messages, and a way to the earlier ones', () => {
    const messages = Array.from({ length: 1_000 }, (_, i) => ({ ...message, id: `m${i}`, content: `number ${i}.` }));
    const html = render(view({ messages }));
    expect(html.match(/<li[^>]*data-own/g)).toHaveLength(200);
    expect(html).toContain('number 999.');
    expect(html).toContain('Show earlier messages (800)');
  });

  it('an empty history: what to do, unless its messages have not come yet', () => {
    expect(render(view({}))).toContain('No messages yet');
    expect(render(view({ start: 'unknown' }))).toContain('are not here yet');
    expect(render(view({ start: 'live', persistence: 'none' }))).toContain('No messages yet');
  });

  it.each([
    ['redis', 'first', 'The session begins here.'],
    ['redis', 'trimmed', 'Older messages are not kept: Redis has the newest ones only.'],
    ['localStorage', 'first', 'This browser has no older messages.'],
    ['localStorage', 'trimmed', 'Older messages are not kept: this browser has the newest ones only.'],
    ['localStorage', 'live', 'This browser keeps no messages'],
    ['none', 'live', 'Nothing is kept: what was said before the page was opened is not shown.'],
  ] as const)('the top of a history with %s and the start %s', (persistence, start, text) => {
    expect(render(view({ messages: [message], persistence, start }))).toContain(text);
  });

  it('the top of a history that is longer than the page holds, and none while there is more to show', () => {
    expect(render(view({ messages: [message], hidden: 7 }))).toContain(
      '7 earlier messages are not shown: the page holds the newest 1 only.',
    );
    const messages = Array.from({ length: 201 }, (_, i) => ({ ...message, id: `m${i}` }));
    expect(render(view({ messages }))).not.toContain('begins here');
  });

  it('V7: what is missing in the middle of a history, where it is missing', () => {
    const messages = [1, 7].map((seq) => ({ ...message, seq, id: `m${seq}`, content: `number ${seq}.` }));
    const html = render(view({ messages, gaps: new Map([[keyOf({ ...message, id: 'm7' }), { from: 2, to: 6 }]]) }));
    expect(html).toMatch(/number 1\..*Messages 2 to 6 are not kept any more\..*number 7\./);
  });

  it('V11: a message that was refused, with its text, why, and what can be done', () => {
    const failed = {
      id: 'f',
      content: '<i>mine</i>',
      at: 1,
      code: 'forbidden',
      message: 'the token forbids it',
    } as const;
    const html = render(view({ failed: [failed] }));
    for (const part of ['&lt;i&gt;mine&lt;/i&gt;', 'Not sent: the token forbids it', 'Send again', 'Edit', 'Discard']) {
      expect(html).toContain(part);
    }
    expect(html).toContain('data-failed="forbidden"');
  });

  it('C6: a message that is too long cannot be sent, and says why', () => {
    const html = render(<SendBox draft="äöü" onDraft={nothing} isConnected maxBytes={5} onSend={nothing} />);
    expect(html).toContain('6 of 5 bytes');
    expect(html).toMatch(/<button[^>]*disabled=""[^>]*aria-label="Send"|aria-label="Send"[^>]*disabled=""/);
  });

  it('V9: a broadcast, in the look of its level', () => {
    const broadcast = { type: 'broadcast', id: 'b', title: 'Maintenance', message: 'soon', timestamp: 1 } as const;
    for (const level of ['info', 'warning', 'error', 'success'] as const) {
      const html = render(<BroadcastBanner broadcast={{ ...broadcast, level }} onClose={nothing} />);
      expect(html).toContain(`data-level="${level}"`);
      expect(html).toContain('Maintenance');
    }
  });

  it('V11: a problem, with the code of the server', () => {
    const error = { code: 'not_stored', message: 'the buffer is full' };
    const html = render(<ProblemAlert error={error} onClose={nothing} />);
    expect(html).toContain('the buffer is full');
    expect(html).toContain('not_stored');
  });
});

describe('useWebSocket', () => {
  it('takes the arguments of the original guides and gives what they name', () => {
    function Page() {
      const { status, messages, count, send, session, error } = useWebSocket(
        '/ws/chat/',
        true, // autoReconnect
        'my-session', // sessionId
        true, // persistMessages
        true, // redisPersistence
      );
      return <p>{[status, messages.length, count, typeof send, typeof session, typeof error].join(' ')}</p>;
    }
    expect(renderToStaticMarkup(<Page />)).toBe('<p>connecting 0 0 function undefined undefined</p>');
  });
});
