import { signToken } from '@holdfast/auth';
import { Descriptors } from '@holdfast/telemetry';
import { afterEach, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from '../test/app-fixture.js';
import { buildListeners, type Listeners } from './listeners.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const KEY = 'a-key-of-at-least-thirty-two-characters';

const MANAGEMENT = [
  ['GET', '/sessions/'],
  ['POST', '/sessions/', { session_id: 'new' }],
  ['DELETE', '/sessions/?session_id=s'],
  ['POST', '/sessions/s/extend/', {}],
  ['DELETE', '/sessions/s/delete/'],
  ['DELETE', '/sessions/s/'],
  ['POST', '/sessions/s/disconnect/', {}],
  ['POST', '/users/ann/disconnect/', {}],
  ['POST', '/broadcast/', { message: 'hi' }],
] as const;

let t: TestApp | undefined;
let listeners: Listeners | undefined;
afterEach(async () => {
  await t?.app.close();
  await listeners?.close();
  [t, listeners] = [undefined, undefined];
});

const call = (method: string, url: string, headers: Record<string, string> = {}, body?: object) => {
  if (!t) throw new Error('no app');
  return t.app.inject({
    method: method as 'GET',
    url: `/api${url}`,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { payload: JSON.stringify(body) }),
  });
};

const admin = async () => ({
  authorization: `Bearer ${await signToken(SECRET, { sub: 'ops', sessions: ['*'], scope: 'admin', ttl: 60 })}`,
});

describe('the public port of two', () => {
  const publicApp = (settings: object) => testApp({}, settings, { isPublic: true });

  it.each([
    ['with tokens', { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 } }],
    ['with tokens and keys', { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 }, apiKeys: [KEY] }],
    ['with keys', { apiKeys: [KEY] }],
    ['open', {}],
  ])(
    'M4: %s, management is 404 as if there were no such row, whatever token or key comes with it',
    async (_n, settings) => {
      t = await publicApp(settings);
      await t.sessions.open('s');
      const unknown = await call('GET', '/nothing/');
      for (const [method, url, body] of MANAGEMENT) {
        for (const headers of [{}, await admin(), { 'x-api-key': KEY }, { authorization: 'Bearer none' }]) {
          const answer = await call(method, url, headers, body);
          expect([answer.statusCode, answer.body], `${method} ${url}`).toEqual([404, unknown.body]);
          expect(answer.headers['www-authenticate']).toBeUndefined();
        }
      }
      expect((await call('HEAD', '/sessions/', await admin())).statusCode).toBe(404);
      expect(await t.sessions.get('s')).toBeDefined();
      expect(await t.sessions.get('new')).toBeUndefined();
    },
  );

  it('M4, H3: the method that is allowed, and the OpenAPI document, do not tell of management', async () => {
    t = await publicApp({});
    const wrong = await call('PUT', '/sessions/s/');
    expect([wrong.statusCode, wrong.headers['allow']]).toEqual([405, 'GET, HEAD, PATCH']);
    expect((await call('PUT', '/sessions/')).statusCode).toBe(404);
    const { paths } = (await call('GET', '/openapi.json')).json();
    expect(Object.keys(paths).sort()).toEqual([
      '/redis/status/',
      '/sessions/{session_id}/',
      '/sessions/{session_id}/messages/',
    ]);
    expect(Object.keys(paths['/sessions/{session_id}/'])).toEqual(['get', 'patch']);
  });

  it('M4, C7: an administrator is a member there, and speaks for itself alone', async () => {
    t = await publicApp({ auth: { secrets: [SECRET], maxTokenSeconds: 86_400 }, apiKeys: [KEY] });
    const send = async (headers: Record<string, string>, body: object) =>
      (await call('POST', '/sessions/s/messages/', headers, body)).statusCode;
    expect(await send(await admin(), { content: 'a', sender: 'ann' })).toBe(403);
    expect(await send(await admin(), { content: 'a' })).toBe(200);
    expect(await send({ 'x-api-key': KEY }, { content: 'a' })).toBe(401);
    const { entries } = await t.sessions.read('s', { newest: 9 });
    expect(entries.map(({ body }) => /"sender":"([^"]*)"/.exec(body)?.[1])).toEqual(['ops']);
  });

  it('M4, C7: without tokens nobody has a name to send with there', async () => {
    t = await publicApp({});
    for (const body of [{ content: 'a' }, { content: 'a', sender: 'ann' }]) {
      expect((await call('POST', '/sessions/s/messages/', {}, body)).statusCode).toBe(404);
    }
    expect((await call('GET', '/sessions/s/messages/')).statusCode).toBe(200);
  });
});

it.each([
  [undefined, [200]],
  [0, [404, 200]],
])('M4: with the management port %s the ports answer a list with %j', async (managementPort, statuses) => {
  t = await testApp();
  const ports = { host: '127.0.0.1', port: 0, ...(managementPort !== undefined && { managementPort }) };
  listeners = await buildListeners(t.context, ports, await Descriptors.watch());
  const urls = await listeners.listen();
  const answers = await Promise.all(urls.map((url) => fetch(`${url}/api/sessions/`)));
  expect(answers.map(({ status }) => status)).toEqual(statuses);
  const members = await Promise.all(urls.map((url) => fetch(`${url}/api/sessions/s/messages/`)));
  expect(members.map(({ status }) => status)).toEqual(urls.map(() => 200));
});
