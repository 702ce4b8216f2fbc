import type { HistoryStart } from '@holdfast/client/react';
import type { sessionPersistenceType } from '../settings/session-persistence.js';

const SENTENCES: Record<sessionPersistenceType, Partial<Record<HistoryStart, string>>> = {
  redis: {
    first: 'The session begins here.',
    trimmed: 'Older messages are not kept: Redis has the newest ones only.',
  },
  localStorage: {
    first: 'This browser has no older messages.',
    trimmed: 'Older messages are not kept: this browser has the newest ones only.',
    live: 'This browser keeps no messages: what was said before the page was opened is not shown.',
  },
  none: { live: 'Nothing is kept: what was said before the page was opened is not shown.' },
};

/** Says what the reader finds above the first message. */
export function historyStartText(persistence: sessionPersistenceType, start: HistoryStart): string | undefined {
  return SENTENCES[persistence][start];
}

/** Says why there are no messages. */
export function noMessagesText(persistence: sessionPersistenceType, start: HistoryStart): string {
  return persistence === 'redis' && start === 'unknown'
    ? 'The messages of this session are not here yet.'
    : 'No messages yet. Write the first one.';
}
