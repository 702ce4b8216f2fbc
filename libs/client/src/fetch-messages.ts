import type { HttpFailure } from '@holdfast/protocol';
import type { ChatMessage } from './events.js';

/** A stored message as the HTTP API gives it. */
export type StoredMessage = Required<Pick<ChatMessage, 'id' | 'content' | 'sender' | 'timestamp' | 'seq'>>;

/**
 * Reads the first page of a session's stored messages with `GET sessions/{id}/messages/?view=log`.
 *
 * @param apiUrl such as `/chat/api`
 * @returns the oldest first, at most as many as the server's default limit
 * @throws Error with the server's sentence when the server refuses, and the error of `fetch` when there is no answer
 */
export async function fetchMessages(apiUrl: string, sessionId: string, token?: string): Promise<StoredMessage[]> {
  const response = await fetch(`${apiUrl}/sessions/${sessionId}/messages/?view=log`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as HttpFailure | { success: true; messages: StoredMessage[] };
  if (!body.success) throw new Error(body.error);
  return body.messages.map(({ id, content, sender, timestamp, seq }) => ({ id, content, sender, timestamp, seq }));
}
