import { randomBytes } from 'node:crypto';
import { type ApiAnswer, ApiClient } from '../api-client.js';
import { PlainConnection } from './plain-connection.js';

/** The deployment that is checked. */
interface Subject {
  readonly api: ApiClient;
  /** The same API under its second path (H1). */
  readonly chatApi: ApiClient;
  readonly wsUrl: string;
  readonly token: string | undefined;
  /** A session that only this check uses. */
  readonly sessionId: string;
}

interface Part {
  readonly name: string;
  /** @returns the finding, in a few words @throws Error with what is wrong */
  readonly run: (subject: Subject) => Promise<string>;
}

export interface PartResult {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Tolerance for Redis' rounding and the time between two requests. */
const TTL_SLACK_SECONDS = 60;
const EXTENDED_TTL = 7_200;

/** The parts in order. Each continues with what the part before it has left in the session. */
const PARTS: readonly Part[] = [
  { name: 'Redis connectivity', run: checkConnectivity },
  { name: 'WebSocket integration', run: checkWebSocket },
  { name: 'Message storage', run: checkStorage },
  { name: 'Session management', run: checkSession },
  { name: 'Reconnection', run: checkReconnection },
  { name: 'Cleanup', run: checkCleanup },
];

/**
 * Checks that sessions persist in Redis, through a front door. These are the six parts of the persistence check in the
 * original guides (docs/design/origin.md). It stops after the first part that fails, because the next parts need it.
 *
 * @param url the front door, without a slash at its end
 * @param report gets the result of each part
 * @returns whether every part passed
 */
export async function checkPersistence(
  url: string,
  token: string | undefined,
  report: (result: PartResult, number: number, count: number) => void,
): Promise<boolean> {
  const subject: Subject = {
    api: new ApiClient(`${url}/api`, token),
    chatApi: new ApiClient(`${url}/chat/api`, token),
    wsUrl: `${url.replace(/^http/, 'ws')}/ws/chat/`,
    token,
    sessionId: `verify-${randomBytes(6).toString('hex')}`,
  };
  for (const [index, { name, run }] of PARTS.entries()) {
    try {
      report({ name, ok: true, detail: await run(subject) }, index + 1, PARTS.length);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      report({ name, ok: false, detail }, index + 1, PARTS.length);
      return false;
    }
  }
  return true;
}

async function checkConnectivity({ api, chatApi }: Subject): Promise<string> {
  let seen = '';
  for (const { base, answer } of [
    { base: api.base, answer: await api.request('GET', 'redis/status/') },
    { base: chatApi.base, answer: await chatApi.request('GET', 'redis/status/') },
  ]) {
    const { success, redis_connected: connected, redis_url: url, default_ttl: ttl } = answer.body;
    demand(answer.status === 200 && success === true, `${base}/redis/status/ does not answer with success`, answer);
    demand(connected === true, 'redis_connected is not true', answer);
    demand(Number.isInteger(ttl), 'default_ttl is no whole number', answer);
    seen = `${String(url)}, sessions live ${String(ttl)} s`;
  }
  return seen;
}

async function checkWebSocket(subject: Subject): Promise<string> {
  const reply = await exchange(subject, 'Hello Redis!');
  demandFields(reply, { type: 'message', count: 1, echo: 'Hello Redis!', content: 'Message #1: Hello Redis!' });
  return 'what is sent comes back as Message #1';
}

async function checkStorage({ api, sessionId }: Subject): Promise<string> {
  const answer = await api.request('GET', `sessions/${sessionId}/messages/`);
  const [sent = {}, replied = {}] = messagesOf(answer);
  demand(answer.body['count'] === 2, 'the history has not the two faces of one message', answer);
  demandFields(sent, { content: 'Hello Redis!', isSent: true, sessionId });
  demandFields(replied, { content: 'Message #1: Hello Redis!', isSent: false, sessionId });
  return 'the history has what was sent and the reply';
}

async function checkSession({ api, sessionId }: Subject): Promise<string> {
  const path = `sessions/${sessionId}/`;
  const created = await api.request('POST', 'sessions/', { session_id: sessionId });
  demand(created.status === 409, 'a session that exists can be created again', created);
  const found = await api.request('GET', path);
  const before = sessionOf(found);
  demand(found.body['session_id'] === sessionId && before.count === 1, 'the session has not a count of 1', found);
  demand(before.remaining > 0 && before.remaining <= before.ttl, 'remaining_ttl is not between 0 and ttl', found);
  const extended = await api.request('POST', `${path}extend/`, { ttl: EXTENDED_TTL });
  demand(extended.status === 200 && extended.body['success'] === true, 'the session cannot be extended', extended);
  const foundAgain = await api.request('GET', path);
  const { ttl, remaining } = sessionOf(foundAgain);
  const isExtended = remaining <= EXTENDED_TTL && remaining > EXTENDED_TTL - TTL_SLACK_SECONDS;
  demand(ttl === EXTENDED_TTL && isExtended, `the session was not extended to ${EXTENDED_TTL} s`, foundAgain);
  return `count ${before.count}, TTL extended from ${before.ttl} s to ${ttl} s`;
}

async function checkReconnection(subject: Subject): Promise<string> {
  demandFields(await exchange(subject, 'Here again'), { count: 2, content: 'Message #2: Here again' });
  const answer = await subject.api.request('GET', `sessions/${subject.sessionId}/messages/?view=log&after_seq=1`);
  const [message = {}] = messagesOf(answer);
  demandFields(message, { seq: 2, content: 'Here again' });
  return 'the next connection goes on with Message #2';
}

async function checkCleanup({ api, sessionId }: Subject): Promise<string> {
  const deleted = await api.request('DELETE', `sessions/${sessionId}/delete/`);
  demand(deleted.status === 200 && deleted.body['success'] === true, 'the session cannot be deleted', deleted);
  const gone = await api.request('GET', `sessions/${sessionId}/`);
  demand(gone.status === 404 && gone.body['code'] === 'session_not_found', 'the session is there after its end', gone);
  const history = await api.request('GET', `sessions/${sessionId}/messages/`);
  demand(history.body['count'] === 0, 'there are messages after the end of their session', history);
  return 'the session and its messages are gone';
}

/** Connects, sends a message, and closes. @returns the first frame that comes back */
async function exchange({ wsUrl, sessionId, token }: Subject, content: string): Promise<Record<string, unknown>> {
  const query = { session: sessionId, redis_persistence: 'true', ...(token === undefined ? {} : { token }) };
  const connection = await PlainConnection.open(wsUrl, query);
  try {
    connection.send(content);
    return await connection.next();
  } finally {
    connection.close();
  }
}

function messagesOf({ body }: ApiAnswer): Record<string, unknown>[] {
  return (body['messages'] ?? []) as Record<string, unknown>[];
}

function sessionOf(answer: ApiAnswer): { count: number; ttl: number; remaining: number } {
  const outer = answer.body['data'] as { data: { count: number }; ttl: number; remaining_ttl: number } | undefined;
  if (!outer?.data) throw new Error(`the session cannot be read: ${describe(answer)}`);
  return { count: outer.data.count, ttl: outer.ttl, remaining: outer.remaining_ttl };
}

function demand(isFine: boolean, problem: string, answer: ApiAnswer): void {
  if (!isFine) throw new Error(`${problem}: ${describe(answer)}`);
}

function demandFields(found: Record<string, unknown>, wanted: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(wanted)) {
    if (found[field] === value) continue;
    throw new Error(`${field} should be ${JSON.stringify(value)}: ${shorten(found)}`);
  }
}

function describe({ status, body }: ApiAnswer): string {
  return `${status} ${shorten(body)}`;
}

const SHOWN_CHARACTERS = 500;

function shorten(value: object): string {
  return JSON.stringify(value).slice(0, SHOWN_CHARACTERS);
}
