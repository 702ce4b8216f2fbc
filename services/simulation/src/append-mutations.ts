import { Tail, WaitingAcks } from '@holdfast/gateway';
import {
  type AppendRequest,
  type AppendResult,
  messageName,
  type NewMessage,
  type SessionLog,
} from '@holdfast/session-store';
import { changed, type Mutation, replaced } from './mutation.js';

/** A log whose appends are changed before they reach the store. */
function withMessages(
  log: SessionLog,
  change: (log: SessionLog, sessionId: string, messages: readonly NewMessage[]) => Promise<readonly NewMessage[]>,
): SessionLog {
  return changed(log, {
    append: async (sessionId, request) =>
      log.append(sessionId, { ...request, messages: await change(log, sessionId, request.messages) }),
  });
}

function first({ id, senderKey, head }: NewMessage): NewMessage {
  return { id, senderKey, head };
}

/** Whether the log still has the entry after which the store looks for a retry. */
async function isKept(log: SessionLog, sessionId: string, retry: NewMessage['retry']): Promise<boolean> {
  if (retry === undefined || retry === 'anywhere' || retry.seq === 0) return true;
  const { entries } = await log.read(sessionId, { from: retry.seq, limit: 1 });
  return entries[0]?.seq === retry.seq && entries[0].id === retry.id;
}

/** Answers the retries of a call before the store sees them, so that the store never learns of retries. */
async function appendAsFirst(log: SessionLog, sessionId: string, request: AppendRequest): Promise<AppendResult> {
  const { entries } = await log.read(sessionId, {
    from: 1,
    limit: Number.MAX_SAFE_INTEGER,
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  const known = request.messages.map(({ retry, id, senderKey }) =>
    retry === undefined ? undefined : entries.find((entry) => entry.id === id && entry.senderKey === senderKey)?.seq,
  );
  const messages = request.messages.filter((_, index) => known[index] === undefined).map(first);
  const result = await log.append(sessionId, { ...request, messages });
  if (result.outcome !== 'stored') return result;
  const stored = [...result.messages];
  return {
    ...result,
    messages: known.map(
      (seq) => (seq === undefined ? stored.shift() : undefined) ?? { seq: seq ?? 0, duplicate: true },
    ),
  };
}

/** Mutations of how duplicates are found (A4). */
export const APPEND_MUTATIONS: readonly Mutation[] = [
  {
    name: 'first sends are not looked for in the tail',
    rule: 'A4',
    shownBy: [114],
    patch: () => replaced(Tail.prototype, { find: () => undefined }),
  },
  {
    name: 'first sends are never looked for by the store, even after retries',
    rule: 'A4',
    shownBy: [41],
    store: (store) => changed(store, { append: (sessionId, request) => appendAsFirst(store, sessionId, request) }),
  },
  {
    name: 'retries are not marked',
    rule: 'A4',
    sessionLog: (log) => withMessages(log, async (_log, _sessionId, messages) => messages.map(first)),
  },
  {
    name: 'a retry is not looked for when its position was trimmed',
    rule: 'A4',
    shownBy: [246],
    store: (store) =>
      withMessages(store, async (log, sessionId, messages) =>
        Promise.all(
          messages.map(async (message) => ((await isKept(log, sessionId, message.retry)) ? message : first(message))),
        ),
      ),
  },
  {
    name: 'a retry is looked for from too late a position',
    rule: 'A4',
    store: (store) =>
      withMessages(store, async (log, sessionId, messages) =>
        Promise.all(
          messages.map(async (message) => {
            const { retry } = message;
            if (retry === undefined || retry === 'anywhere') return message;
            const { entries } = await log.read(sessionId, { from: retry.seq + 2, limit: 1 });
            const later = entries[0];
            return later ? { ...message, retry: { ...retry, seq: later.seq, id: later.id } } : message;
          }),
        ),
      ),
  },
  {
    name: 'duplicates are found by the id alone, without the sender',
    rule: 'A4',
    store: (store) =>
      withMessages(store, async (_log, _sessionId, messages) =>
        messages.map((message) => ({ ...message, senderKey: 'anybody' })),
      ),
  },
  {
    name: 'an append of unknown outcome is repeated as if it were the first',
    rule: 'A5',
    shownBy: [37],
    sessionLog: (log) => {
      const begun = new Set<string>();
      return withMessages(log, async (_log, sessionId, messages) =>
        messages.map((message) => {
          const name = `${sessionId} ${messageName(message)}`;
          if (message.retry === undefined) begun.add(name);
          return begun.has(name) ? first(message) : message;
        }),
      );
    },
  },
  {
    name: 'a batch is stored in another order',
    rule: 'A2',
    store: (store) =>
      changed(store, {
        append: async (sessionId, request) => {
          const result = await store.append(sessionId, { ...request, messages: request.messages.toReversed() });
          return result.outcome === 'stored' ? { ...result, messages: result.messages.toReversed() } : result;
        },
      }),
  },
  {
    name: 'an ack does not wait until the room has delivered the message',
    rule: 'F7',
    shownBy: [214],
    patch: () =>
      replaced(WaitingAcks.prototype, {
        acknowledge: ({ member, clientId: id }, seq) => id !== undefined && member.tell({ type: 'ack', id, seq }),
      }),
  },
];
