import { type HttpFailure, isSessionId, SESSION_ID_RULE } from '@holdfast/protocol';
import type { ChatMessage } from './events.js';

/** A stored message as the HTTP API gives it. */
export type StoredMessage = Required<Pick<ChatMessage, 'id' | 'content' | 'sender' | 'timestamp' | 'seq'>>;

interface Page {
  readonly success: true;
  readonly messages: StoredMessage[];
  readonly has_more: boolean;
}

/**
 * Reads all stored messages of a session with `GET sessions/{id}/messages/?view=log`, page by page (H4).
 *
 * @param apiUrl such as `/chat/api`
 * @returns the oldest first
 * @throws TypeError when the id may not name a session (C2)
 * @throws Error with the server's sentence when the server refuses, and the error of `fetch` when there is no answer
 */
export async function fetchMessages(apiUrl: string, sessionId: string, token?: string): Promise<StoredMessage[]> {
  // With another id, such as `..`, the URL would name another resource.
  if (!isSessionId(sessionId)) throw new TypeError(`sessionId must be ${SESSION_ID_RULE}`);
  const messages: StoredMessage[] = [];
  for (;;) {
    const after = messages.at(-1)?.seq ?? 0;
    const response = await fetch(`${apiUrl}/sessions/${sessionId}/messages/?view=log&after_seq=${after}`, {
      headers: bearer(token),
    });
    const body = (await response.json()) as HttpFailure | Page;
    if (!body.success) throw new Error(body.error);
    for (const { id, content, sender, timestamp, seq } of body.messages) {
      messages.push({ id, content, sender, timestamp, seq });
    }
    if (!body.has_more || body.messages.length === 0) return messages;
  }
}

/** The header that brings a token over HTTP (U6); none without a token. */
export function bearer(token: string | undefined): Record<string, string> {
  return token ? { authorization: `Bearer ${token}` } : {};
}
