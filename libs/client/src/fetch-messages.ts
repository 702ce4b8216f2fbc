import type { HttpFailure } from '@holdfast/protocol';
import type { ChatMessage } from './events.js';

/** A stored message as the HTTP API has it. */
export type StoredMessage = Required<Pick<ChatMessage, 'id' | 'content' | 'sender' | 'timestamp' | 'seq'>>;

/**
 * The stored messages of a session, over HTTP: what `GET sessions/{id}/messages/?view=log` answers, the oldest first.
 *
 * @param apiUrl such as `/chat/api`
 * @throws Error with the server's own sentence when it refuses, or that of `fetch` when there is no answer
 */
export async function fetchMessages(apiUrl: string, sessionId: string, token?: string): Promise<StoredMessage[]> {
  const response = await fetch(`${apiUrl}/sessions/${sessionId}/messages/?view=log`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as HttpFailure | { success: true; messages: StoredMessage[] };
  if (!body.success) throw new Error(body.error);
  return body.messages.map(({ id, content, sender, timestamp, seq }) => ({ id, content, sender, timestamp, seq }));
}
