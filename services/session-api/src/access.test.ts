import { signToken, type TokenContents } from '@holdfast/auth';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { store, type TestApp, testApp } from '../test/app-fixture.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';

let t: TestApp;
beforeAll(async () => {
  t = await testApp({}, { auth: { secrets: [SECRET], maxTokenSeconds: 86_400 } });
  await store(t.sessions, 'team-1', 'hello');
  await store(t.sessions, 'other', 'hello');
});
afterAll(() => t.app.close());

const tokenOf = (contents: Partial<TokenContents> = {}): Promise<string> =>
  signToken(SECRET, { sub: 'ann', sessions: ['team-*'], scope: 'read write', ttl: 60, ...contents });

async function call(
  method: string,
  url: string,
  { body, ...contents }: Partial<TokenContents> & { body?: object } = {},
): Promise<LightMyRequestResponse> {
  const authorization = `Bearer ${await tokenOf(contents)}`;
  return t.app.inject({
    method: method as 'GET',
    url: `/api${url}`,
    headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { payload: JSON.stringify(body) }),
  });
}

const OF_ONE = [
  ['GET', '/sessions/ID/', 'read'],
  ['PATCH', '/sessions/ID/', 'write', { data: { a: 1 } }],
  ['GET', '/sessions/ID/messages/', 'read'],
  ['POST', '/sessions/ID/messages/', 'write', { content: 'hi' }],
  ['POST', '/sessions/ID/extend/', 'admin', {}],
  ['POST', '/sessions/ID/disconnect/', 'admin', {}],
  ['DELETE', '/sessions/ID/', 'admin'],
  ['DELETE', '/sessions/ID/delete/', 'admin'],
  ['DELETE', '/sessions/?session_id=ID', 'admin'],
  ['POST', '/sessions/', 'admin', { session_id: 'ID' }],
] as const;
const OF_ALL = [
  ['GET', '/sessions/', 'admin'],
  ['GET', '/sessions/?prefix=team-', 'admin'],
  ['POST', '/broadcast/', 'admin', { message: 'hi' }],
  ['POST', '/users/bob/disconnect/', 'admin', {}],
] as const;
const ALL = [...OF_ONE, ...OF_ALL, ['GET', '/redis/status/', 'read'] as const];

const bodyFor = (body: object | undefined, id: string) =>
  body && { body: JSON.parse(JSON.stringify(body).replaceAll('ID', id)) as object };

describe('every row', () => {
  it.each(ALL)('U6, H3: %s %s is 401 without a token that counts, before 400 and 404', async (...row) => {
    const [method, url] = row;
    const path = `/api${url.replace('ID', 'nowhere')}`;
    const answers = await Promise.all([
      t.app.inject({ method, url: path }),
      t.app.inject({ method, url: `/chat${path}`, headers: { 'content-type': 'text/plain' }, payload: '{' }),
      t.app.inject({ method, url: path, headers: { authorization: 'Bearer none' } }),
      t.app.inject({ method, url: path, headers: { authorization: `Bearer ${await tokenOf({ ttl: -1 })}` } }),
    ]);
    for (const answer of answers) {
      expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
      expect(answer.json()).toMatchObject({ success: false, code: 'unauthorized', error: expect.any(String) });
    }
  });

  it.each(ALL)('U9: %s %s is 403 without the scope it needs, whether or not the session exists', async (...row) => {
    const [method, url, needed, body] = row;
    const others = { read: 'write', write: 'read', admin: 'read write' }[needed];
    for (const id of ['team-1', 'team-nowhere']) {
      for (const scope of [others, '']) {
        const answer = await call(method, url.replace('ID', id), { scope, sessions: ['*'], ...bodyFor(body, id) });
        expect([answer.statusCode, answer.json().code], scope).toEqual([403, 'forbidden']);
      }
    }
  });

  it.each(OF_ONE)('U9, H3: %s %s is 403 for a session that the token does not name, before 404', async (...row) => {
    const [method, url, , body] = row;
    for (const id of ['other', 'nowhere', 'team']) {
      const answer = await call(method, url.replace('ID', id), { scope: 'admin', ...bodyFor(body, id) });
      expect([answer.statusCode, answer.json().code, answer.json().session_id], id).toEqual([403, 'forbidden', id]);
    }
  });

  it.each(OF_ALL)('U9: %s %s needs a token that names all sessions', async (...row) => {
    const [method, url, scope, body] = row;
    expect((await call(method, url, { scope, ...bodyFor(body, '') })).statusCode).toBe(403);
    expect((await call(method, url, { scope, sessions: ['*'], ...bodyFor(body, '') })).statusCode).toBe(200);
  });

  it('U9: a token with just the scope that a row needs is enough', async () => {
    for (const [method, url, scope, body] of [...OF_ONE].reverse()) {
      const id = `team-${Math.random()}`;
      if (url !== '/sessions/') await t.sessions.open(id);
      const answer = await call(method, url.replace('ID', id), { scope, ...bodyFor(body, id) });
      expect([200, 201], `${method} ${url}: ${answer.body}`).toContain(answer.statusCode);
    }
    expect((await call('GET', '/redis/status/', { scope: 'read', sessions: [] })).statusCode).toBe(200);
  });

  it('U6: takes the token from the query too; the header counts first', async () => {
    const url = `/api/sessions/team-1/?token=${await tokenOf()}`;
    expect((await t.app.inject({ url })).statusCode).toBe(200);
    expect((await t.app.inject({ url: `${url}&token=other` })).statusCode).toBe(200);
    expect((await t.app.inject({ url, headers: { authorization: 'Bearer none' } })).statusCode).toBe(401);
    expect((await t.app.inject({ method: 'HEAD', url: '/api/sessions/team-1/' })).statusCode).toBe(401);
  });

  it('U9: a bad id is 400 for whoever may come in; a session without an id needs a token for all', async () => {
    expect((await call('GET', '/sessions/a%20b/')).statusCode).toBe(400);
    expect((await call('POST', '/sessions/', { scope: 'admin', body: {} })).statusCode).toBe(403);
    expect((await call('POST', '/sessions/', { scope: 'admin', sessions: ['*'], body: {} })).statusCode).toBe(201);
  });
});

it.each(['/api/openapi.json', '/chat/api/openapi.json', '/api/docs/', '/api/nothing'])(
  'U6: %s needs no token',
  async (url) => {
    expect([200, 404]).toContain((await t.app.inject({ url })).statusCode);
  },
);

it('U9, H2: the OpenAPI document tells what each row needs', async () => {
  const document = (await t.app.inject({ url: '/api/openapi.json' })).json();
  expect(Object.keys(document.components.securitySchemes)).toEqual(['bearer', 'query', 'key']);
  const operations = Object.values<Record<string, { description: string; security: object[]; responses: object }>>(
    document.paths,
  ).flatMap((path) => Object.values(path));
  expect(operations.length).toBeGreaterThan(11);
  for (const { description, security, responses } of operations) {
    expect(description).toMatch(/^Needs the scope `(read|write|admin)`/);
    expect(security).toEqual([{ bearer: [] }, { query: [] }, { key: [] }, {}]);
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403']));
  }
});

describe('the sender of a message', () => {
  const send = (body: object, contents: Partial<TokenContents> = {}) =>
    call('POST', '/sessions/team-send/messages/', { ...contents, body });
  const senders = async () => {
    const { entries } = await t.sessions.read('team-send', { newest: 100 });
    return entries.map(({ body }) => /"sender":"([^"]*)"/.exec(body)?.[1]);
  };

  it('C7, U9: is the sub of a member, who may name nobody else; a back end may name anybody', async () => {
    expect((await send({ content: 'a' })).statusCode).toBe(200);
    expect((await send({ content: 'b', sender: 'ann' })).statusCode).toBe(200);
    for (const sender of ['bob', 'server', 'Ann']) {
      expect((await send({ content: 'c', sender })).json()).toMatchObject({ success: false, code: 'forbidden' });
    }
    expect((await send({ content: 'd', sender: 'bob' }, { sub: 'ops', scope: 'admin' })).statusCode).toBe(200);
    expect((await send({ content: 'e' }, { sub: 'ops', scope: 'admin' })).statusCode).toBe(200);
    expect(await senders()).toEqual(['ann', 'ann', 'bob', 'server']);
  });

  it("U7, A4: nobody takes the id of somebody else's message, not even of one in the own name", async () => {
    const message = { content: 'the same', id: 'm-1' };
    const first = (await send(message)).json().seq;
    expect((await send(message)).json().seq).toBe(first);
    expect((await send(message, { sub: 'eve' })).json().seq).toBe(first + 1);
    expect((await send({ ...message, sender: 'ann' }, { sub: 'ops', scope: 'admin' })).json().seq).toBe(first + 2);
    expect((await send({ ...message, content: 'another' }, { sub: 'mallory' })).statusCode).toBe(200);
  });
});

it("U2, H3: 503 while the issuer's keys are not known", async () => {
  const waiting = await testApp({}, { auth: { secrets: [], jwksUrl: 'http://127.0.0.1:9/', maxTokenSeconds: 86_400 } });
  const token = `${Buffer.from('{"alg":"ES256","kid":"1"}').toString('base64url')}.e30.AAAA`;
  const answer = await waiting.app.inject({ url: `/api/sessions/?token=${token}` });
  expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([
    503,
    'tokens_unavailable',
    '5',
  ]);
  await waiting.app.close();
});
