import type { HttpFailure } from '@holdfast/protocol';
import type { ChatError } from './chat-snapshot.js';
import { bearer } from './fetch-messages.js';
import type { TokenSource } from './options.js';

/**
 * Asks the HTTP API whether the token is the reason why a connection does not open. Browsers do not tell how an upgrade
 * was answered (C4), and gateway and API let the same tokens in.
 *
 * @param apiUrl such as `/chat/api`
 * @param source the client's token, if it has one
 * @returns `unauthorized` or `forbidden` with the API's sentence; nothing where the reason is another one, or nobody
 *   answers
 */
export async function whyRefused(
  apiUrl: string,
  sessionId: string,
  source: TokenSource | undefined,
): Promise<ChatError | undefined> {
  try {
    const response = await fetch(`${apiUrl}/sessions/${sessionId}/messages/?limit=1`, {
      headers: bearer(await tokenOf(source)),
    });
    if (response.status !== 401 && response.status !== 403) return undefined;
    const { code, error } = (await response.json()) as HttpFailure;
    return { code, message: error };
  } catch {
    // The client goes on trying, and says so.
    return undefined;
  }
}

/** Throws, or rejects, what the application's function does. */
export function tokenOf(source: TokenSource | undefined): string | undefined | Promise<string> {
  return typeof source === 'function' ? source() : source;
}
