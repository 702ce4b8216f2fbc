import { signToken } from '@holdfast/auth';
import { MemoryWindowCounters } from '@holdfast/session-store';
import { afterEach, describe, expect, it } from 'vitest';
import { NO_LIMITS, type TestApp, testApp } from '../test/app-fixture.js';
import type { AppContext } from './app-context.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const KEY = 'a-key-of-at-least-thirty-two-characters';

let t: TestApp;
afterEach(() => t.app.close());

type Settings = Partial<AppContext['config']>;

async function limited(limits: Partial<typeof NO_LIMITS>, settings: Settings = {}, context: Partial<AppContext> = {}) {
  t = await testApp(context, { limits: { ...NO_LIMITS, ...limits }, trustProxy: true, ...settings });
}

const call = (method: string, url: string, from: string, headers: Record<string, string> = {}, body?: object) =>
  t.app.inject({
    method: method as 'GET',
    url,
    headers: { 'x-forwarded-for': from, ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { payload: JSON.stringify(body) }),
  });

const bearer = async (sub: string, scope = 'read write') => ({
  authorization: `Bearer ${await signToken(SECRET, { sub, sessions: ['*'], scope, ttl: 60 })}`,
});

async function statuses(count: number, ask: (i: number) => ReturnType<typeof call>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await ask(i)).statusCode);
  return all;
}

const counted = async (limit: string) =>
  new RegExp(`holdfast_api_limited_total\\{[^}]*limit="${limit}"[^}]*\\} (\\d+)`).exec(
    await t.metrics.exposition(),
  )?.[1];

describe('requests', () => {
  it('M5: one address may ask so often in a minute, then gets 429 with Retry-After; others go on', async () => {
    await limited({ requestsPerMinute: 3 });
    const url = '/api/sessions/s/messages/';
    expect(await statuses(4, () => call('GET', url, '192.0.2.1'))).toEqual([200, 200, 200, 429]);
    const answer = await call('GET', '/chat/api/nothing/', '192.0.2.1');
    expect(answer.statusCode).toBe(429);
    expect(answer.json()).toEqual({ success: false, code: 'rate_limited', error: 'there may be 3 requests a minute' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(50);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await call('GET', url, '192.0.2.2')).statusCode).toBe(200);
    expect(await counted('address')).toBe('2');
  });

  it('M1, M5: whoever has many addresses of one IPv6 network is one, and invented entries are not believed', async () => {
    await limited({ requestsPerMinute: 2 });
    const from = (i: number) => `203.0.113.${i}, 2001:db8::${i + 1}`;
    expect(await statuses(3, (i) => call('GET', '/api/sessions/', from(i)))).toEqual([200, 200, 429]);
    expect((await call('GET', '/api/sessions/', '2001:db8:0:1::1')).statusCode).toBe(200);
  });

  it('M5: wrong tokens and wrong keys are counted, so that nobody can go on trying', async () => {
    await limited({ requestsPerMinute: 2 }, { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 }, apiKeys: [KEY] });
    const wrong = (i: number) => (i % 2 === 0 ? { 'x-api-key': `guess-${i}` } : { authorization: 'Bearer x.y.z' });
    const answers = await statuses(4, (i) => call('GET', '/api/sessions/', '192.0.2.1', wrong(i)));
    expect(answers).toEqual([401, 401, 429, 429]);
  });

  it('M5: one user is counted from all addresses', async () => {
    await limited({ requestsPerMinute: 2 }, { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 } });
    const [ann, bob] = [await bearer('ann'), await bearer('bob')];
    const ask = (i: number) => call('GET', '/api/sessions/s/messages/', `192.0.2.${i}`, ann);
    expect(await statuses(3, ask)).toEqual([200, 200, 429]);
    expect((await call('GET', '/api/sessions/s/messages/', '192.0.2.9', bob)).statusCode).toBe(200);
    expect(await counted('sub')).toBe('1');
  });

  it('M5: a key has a limit of its own, and its address none', async () => {
    await limited({ requestsPerMinute: 1, keyRequestsPerMinute: 3 }, { apiKeys: [KEY] });
    const ask = (i: number) => call('GET', '/api/sessions/', `192.0.2.${i % 2}`, { 'x-api-key': KEY });
    expect(await statuses(4, ask)).toEqual([200, 200, 200, 429]);
    expect((await call('GET', '/api/redis/status/', '192.0.2.0')).statusCode).toBe(200);
    expect(await counted('key')).toBe('1');
  });

  it('M5: files of the page are not counted, and 0 is no limit', async () => {
    await limited({ requestsPerMinute: 1 });
    expect(await statuses(3, () => call('GET', '/favicon.ico', '192.0.2.1'))).toEqual([404, 404, 404]);
    await t.app.close();
    await limited({});
    expect(new Set(await statuses(30, () => call('GET', '/api/sessions/', '192.0.2.1')))).toEqual(new Set([200]));
  });
});

describe('new sessions', () => {
  const create = (from: string, headers = {}) => call('POST', '/api/sessions/', from, headers, {});

  it('M2: one address may create so many in a minute, also by messages; what exists goes on', async () => {
    await limited({ sessionsCreatedPerMinute: 3 });
    const send = (id: string) => call('POST', `/api/sessions/${id}/messages/`, '192.0.2.1', {}, { content: 'a' });
    expect((await create('192.0.2.1')).statusCode).toBe(201);
    expect(await statuses(2, (i) => send(`by-message-${i}`))).toEqual([200, 200]);
    const refused = await send('one-more');
    expect([refused.statusCode, refused.json().code]).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await create('192.0.2.1')).statusCode).toBe(429);
    expect((await send('by-message-1')).statusCode).toBe(200);
    expect(await t.sessions.get('one-more')).toBeUndefined();
    expect((await create('192.0.2.2')).statusCode).toBe(201);
    expect(await counted('sessions')).toBe('2');
  });

  it('M2: one user is counted from all addresses; a key is not', async () => {
    await limited(
      { sessionsCreatedPerMinute: 2 },
      { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 }, apiKeys: [KEY] },
    );
    const ann = await bearer('ann', 'admin');
    expect(await statuses(3, (i) => create(`192.0.2.${i}`, ann))).toEqual([201, 201, 429]);
    expect(await statuses(5, () => create('192.0.2.1', { 'x-api-key': KEY }))).toEqual([201, 201, 201, 201, 201]);
  });

  it('M1, M2: counts of all processes are one', async () => {
    const counters = new MemoryWindowCounters();
    await limited({ sessionsCreatedPerMinute: 2 }, {}, { counters });
    const first = t;
    expect((await create('192.0.2.1')).statusCode).toBe(201);
    await limited({ sessionsCreatedPerMinute: 2 }, {}, { counters });
    expect(await statuses(2, () => create('192.0.2.1'))).toEqual([201, 429]);
    await first.app.close();
  });
});
