import { type HttpFailure, isSessionId, SESSION_ID_RULE } from '@holdfast/protocol';
import type { ChatMessage } from './events.js';

/** A stored message as the HTTP API gives it. */
export type StoredMessage = Required<Pick<ChatMessage, 'id' | 'content' | 'sender' | 'timestamp' | 'seq'>>;

/**
 * Reads the first page of a session's stored messages with `GET sessions/{id}/messages/?view=log`.
 *
 * @param apiUrl such as `/chat/api`
 * @returns the oldest first, at most as many as the server's default limit
 * @throws TypeError when the id may not name a session (C2)
 * @throws Error with the server's sentence when the server refuses, and the error of `fetch` when there is no answer
 */
export async function fetchMessages(apiUrl: string, sessionId: string, token?: string): Promise<StoredMessage[]> {
  // With another id, such as `..`, the URL would name another resource.
  if (!isSessionId(sessionId)) throw new TypeError(`sessionId must be ${SESSION_ID_RULE}`);
  const response = await fetch(`${apiUrl}/sessions/${sessionId}/messages/?view=log`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as HttpFailure | { success: true; messages: StoredMessage[] };
  if (!body.success) throw new Error(body.error);
  return body.messages.map(({ id, content, sender, timestamp, seq }) => ({ id, content, sender, timestamp, seq }));
}
