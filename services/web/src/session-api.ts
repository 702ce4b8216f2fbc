import type { HttpFailure } from '@holdfast/protocol';
import { asked, currentAccess, refused } from './access/access.js';

/** Where the front door serves the HTTP API. */
const API = '/chat/api';

/** One face of a stored message: what was sent, or the reply to it. */
export interface StoredFace {
  readonly content: string;
  /** Unix milliseconds. */
  readonly timestamp: number;
  readonly isSent: boolean;
  readonly sessionId: string;
  readonly seq: number;
}

/** A request that the API refused; the message is the API's own sentence. */
export class ApiFailure extends Error {
  constructor(
    readonly code: HttpFailure['code'] | 'no_answer',
    message: string,
  ) {
    super(message);
  }
}

/** Reads all stored messages of a session, page by page (H4). @throws ApiFailure */
export async function fetchStoredMessages(sessionId: string): Promise<readonly StoredFace[]> {
  const path = `/sessions/${sessionId}/messages/`;
  const all: StoredFace[] = [];
  for (;;) {
    const last = all.at(-1)?.seq;
    const page = await call<StoredPage>('GET', last === undefined ? path : `${path}?after_seq=${last}`);
    all.push(...page.messages);
    if (!page.has_more || page.messages.length === 0) return all;
  }
}

interface StoredPage {
  readonly messages: StoredFace[];
  readonly has_more: boolean;
}

/**
 * Reads how many seconds a session has left.
 *
 * @throws ApiFailure with the code `session_not_found` when there is none
 */
export async function fetchRemainingTtl(sessionId: string): Promise<number> {
  const { data } = await call<{ data: { remaining_ttl: number } }>('GET', `/sessions/${sessionId}/`);
  return data.remaining_ttl;
}

/** Sets the time to live of a session, seconds from now and from each later message. @throws ApiFailure */
export async function extendSession(sessionId: string, ttl: number): Promise<number> {
  const answer = await call<{ remaining_ttl: number }>('POST', `/sessions/${sessionId}/extend/`, { ttl });
  return answer.remaining_ttl;
}

/** Deletes a session and its messages for everybody. It is no error if there is none. @throws ApiFailure */
export async function deleteSession(sessionId: string): Promise<void> {
  try {
    await call('DELETE', `/sessions/${sessionId}/delete/`);
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== 'session_not_found') throw error;
  }
}

/**
 * Finds out whether the server asks for tokens: then it refuses a row that every member may read. A page that is not
 * asked has nothing to do with tokens.
 */
export async function findOutAccess(): Promise<void> {
  if ((await failureWith(null))?.code === 'unauthorized') asked();
}

/** @returns why the server would not take this token, in a sentence; nothing when it does */
export async function checkToken(token: string): Promise<string | undefined> {
  if (!/^[\w-]+(?:\.[\w-]+){2}$/.test(token))
    return 'This is no token: a token has three parts with dots between them.';
  return (await failureWith(token))?.message;
}

/** Asks for something that every member may read. @returns what speaks against the token */
async function failureWith(token: string | null): Promise<ApiFailure | undefined> {
  try {
    await call('GET', '/redis/status/', undefined, token);
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    // Any other failure, such as that Redis is away, says nothing about the token.
    if (error.code === 'unauthorized' || error.code === 'forbidden' || error.code === 'no_answer') return error;
  }
  return undefined;
}

async function call<T>(
  method: string,
  path: string,
  body?: object,
  /** Null: none, although the page may have one. */
  token: string | null = currentAccess().token ?? null,
): Promise<T> {
  const headers = {
    ...(token !== null && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  };
  const init = {
    method,
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(body && { body: JSON.stringify(body) }),
  };
  let answer: HttpFailure | ({ success: true } & T);
  try {
    const response = await fetch(API + path, init);
    answer = (await response.json()) as typeof answer;
  } catch {
    throw new ApiFailure('no_answer', 'The server did not answer.');
  }
  if (answer.success) return answer;
  if (answer.code === 'unauthorized') refused(token ?? undefined, answer.error);
  throw new ApiFailure(answer.code, answer.error);
}
