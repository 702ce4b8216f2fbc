import { signToken } from '@holdfast/auth';
import { afterEach, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from '../test/app-fixture.js';
import { ApiKeys } from './api-keys.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const KEYS = ['k'.repeat(32), 'another-key-of-at-least-32-characters!'] as const;

let t: TestApp;
afterEach(() => t.app.close());

const withTokens = () => testApp({}, { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 }, apiKeys: KEYS });
const withoutTokens = () => testApp({}, { apiKeys: KEYS });

const call = (method: string, url: string, headers: Record<string, string> = {}, body?: object) =>
  t.app.inject({
    method: method as 'GET',
    url: `/api${url}`,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { payload: JSON.stringify(body) }),
  });

const ROWS = [
  ['POST', '/sessions/', { session_id: 's' }],
  ['GET', '/sessions/s/'],
  ['PATCH', '/sessions/s/', { data: { a: 1 } }],
  ['POST', '/sessions/s/messages/', { content: 'hi', sender: 'anybody at all' }],
  ['GET', '/sessions/s/messages/'],
  ['POST', '/sessions/s/extend/', {}],
  ['GET', '/sessions/'],
  ['POST', '/broadcast/', { message: 'hi' }],
  ['GET', '/redis/status/'],
  ['DELETE', '/sessions/s/'],
] as const;
/** Rows that need a key where nobody is asked for a token. */
const KEYED = ROWS.filter(([method, url]) => !(method === 'GET' && url !== '/sessions/') && method !== 'PATCH');

const senders = async (id: string) => {
  const { entries } = await t.sessions.read(id, { newest: 100 });
  return entries.map(({ body }) => /"sender":"([^"]*)"/.exec(body)?.[1]);
};

describe.each([
  ['with tokens', withTokens],
  ['without tokens', withoutTokens],
])('%s', (_name, make) => {
  it.each(KEYS)('M3: a key does everything in all sessions, each of them', async (key) => {
    t = await make();
    for (const [method, url, body] of ROWS) {
      const answer = await call(method, url, { 'x-api-key': key }, body);
      expect([200, 201], `${method} ${url}: ${answer.body}`).toContain(answer.statusCode);
    }
  });

  it('M3: a wrong key is 401 at every row, before 400, also beside a good token', async () => {
    t = await make();
    const token = await signToken(SECRET, { sub: 'ops', sessions: ['*'], scope: 'admin', ttl: 60 });
    for (const [method, url] of ROWS) {
      for (const wrong of ['', 'k', 'k'.repeat(31), 'k'.repeat(33), KEYS.join(','), `${KEYS[0]}, ${KEYS[0]}`]) {
        const answer = await call(method, url, { 'x-api-key': wrong, authorization: `Bearer ${token}` });
        expect([answer.statusCode, answer.json().code], `${method} ${url} ${wrong}`).toEqual([401, 'unauthorized']);
      }
    }
  });

  it('M3, N1: no key is in an answer, a log line or a metric', async () => {
    t = await make();
    const secret = 'S3CR3T'.repeat(6);
    for (const key of [...KEYS, secret]) {
      for (const [method, url, body] of ROWS) {
        const { body: text, headers } = await call(method, url, { 'x-api-key': key }, body);
        for (const each of [...KEYS, secret]) expect(text + JSON.stringify(headers)).not.toContain(each);
      }
    }
    const said = t.lines.join('\n') + (await t.metrics.exposition());
    for (const each of [...KEYS, secret]) expect(said).not.toContain(each);
    expect(said).toContain('Session stored');
  });

  it('M3, C7: a key may name any sender, and is server without', async () => {
    t = await make();
    const key = { 'x-api-key': KEYS[0] };
    for (const body of [{ content: 'a' }, { content: 'b', sender: 'ann' }, { content: 'c', sender: 'server' }]) {
      expect((await call('POST', '/sessions/s/messages/', key, body)).statusCode).toBe(200);
    }
    expect(await senders('s')).toEqual(['server', 'ann', 'server']);
  });
});

it('M3: with tokens whoever has no key needs one that counts', async () => {
  t = await withTokens();
  for (const [method, url] of ROWS) expect((await call(method, url)).statusCode).toBe(401);
});

it('M3: without tokens, management and sends need a key; the rest is for everybody', async () => {
  t = await withoutTokens();
  await t.sessions.open('s');
  expect(KEYED).toHaveLength(6);
  for (const [method, url, body] of KEYED) {
    const answer = await call(method, url, {}, body);
    expect([answer.statusCode, answer.headers['www-authenticate']], `${method} ${url}`).toEqual([401, 'ApiKey']);
  }
  expect((await call('GET', '/sessions/s/')).statusCode).toBe(200);
  expect((await call('PATCH', '/sessions/s/', {}, { data: {} })).statusCode).toBe(200);
  expect((await call('GET', '/sessions/s/messages/')).statusCode).toBe(200);
  expect(await senders('s')).toEqual([]);
});

it('M3: without keys the header is not looked at', async () => {
  t = await testApp();
  expect((await call('GET', '/sessions/', { 'x-api-key': 'of something else in front' })).statusCode).toBe(200);
});

it('M3: keys are told apart, and by names that do not show them', () => {
  const keys = new ApiKeys(KEYS);
  const names = KEYS.map((key) => keys.nameOf(key));
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(name).toMatch(/^[\w-]{11}$/);
  expect(new ApiKeys([...KEYS].reverse()).nameOf(KEYS[0])).toBe(names[0]);
  expect(keys.nameOf('k')).toBeUndefined();
  expect(JSON.stringify(keys)).toBe('{}');
});
