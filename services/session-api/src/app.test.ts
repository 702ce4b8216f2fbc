import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { AuthSettings } from '@holdfast/config';
import { HTTP_ERRORS, type HttpErrorCode } from '@holdfast/protocol';
import { SessionCorruptError } from '@holdfast/session-store';
import type { ScarceResource } from '@holdfast/telemetry';
import { eventually } from '@holdfast/testkit';
import { Ajv } from 'ajv';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rejectingStore, type TestApp, testApp } from '../test/app-fixture.js';

let t: TestApp;
beforeAll(async () => {
  t = await testApp();
});
afterAll(() => t.app.close());

const JSON_TYPE = { 'content-type': 'application/json' };

/** Every row of the contract's table that this release answers. */
const ROWS = [
  ['GET', '/redis/status/'],
  ['GET', '/sessions/'],
  ['POST', '/sessions/'],
  ['DELETE', '/sessions/'],
  ['GET', '/sessions/{session_id}/'],
  ['PATCH', '/sessions/{session_id}/'],
  ['DELETE', '/sessions/{session_id}/'],
  ['POST', '/sessions/{session_id}/extend/'],
  ['DELETE', '/sessions/{session_id}/delete/'],
  ['GET', '/sessions/{session_id}/messages/'],
  ['POST', '/sessions/{session_id}/messages/'],
  ['POST', '/sessions/{session_id}/disconnect/'],
  ['POST', '/users/{sub}/disconnect/'],
  ['POST', '/broadcast/'],
] as const;

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
  summary?: string;
}
type Document = { openapi: string; paths: Record<string, Record<string, Operation>>; servers: { url: string }[] };

async function document(): Promise<Document> {
  return (await t.call('GET', '/api/openapi.json')).json();
}

describe('paths', () => {
  const bodies: Record<string, object> = {
    '/sessions/{session_id}/messages/': { content: 'hi' },
    '/broadcast/': { message: 'hi' },
    '/sessions/{session_id}/': { data: {} },
  };

  it.each(ROWS)('H1: %s %s answers under both prefixes, with and without the trailing slash', async (method, path) => {
    for (const [i, prefix] of ['/api', '/chat/api'].entries()) {
      for (const slash of [true, false]) {
        const sessionId = `h1-${i}-${slash}`;
        const byQuery = method === 'DELETE' && path === '/sessions/';
        if (path !== '/sessions/' || byQuery) await t.sessions.open(sessionId);
        const full = prefix + path.replace('{session_id}', sessionId).replace('{sub}', 'ann');
        const query = byQuery ? `?session_id=${sessionId}` : '';
        const body = method === 'GET' || method === 'DELETE' ? undefined : (bodies[path] ?? {});
        const answer = await t.call(method, (slash ? full : full.slice(0, -1)) + query, body);
        expect([200, 201], `${full}: ${answer.body}`).toContain(answer.statusCode);
        expect(answer.json().success).toBe(true);
      }
    }
  });

  it.each(ROWS)('H3: another method on %s %s is 405 and names the allowed ones', async (_method, path) => {
    const url = `/chat/api${path.replace('{session_id}', 'room')}`;
    const allowed = ROWS.filter((row) => row[1] === path).map((row): string => row[0]);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'OPTIONS', 'PROPFIND']) {
      if (allowed.includes(method)) continue;
      for (const form of [url, url.slice(0, -1)]) {
        const answer = await t.call(method, form);
        expect(answer.statusCode, `${method} ${form}`).toBe(405);
        expect(answer.json()).toMatchObject({ success: false, code: 'method_not_allowed' });
        const allow = String(answer.headers.allow).split(', ');
        expect(allow.filter((name) => name !== 'HEAD')).toEqual([...allowed].sort());
      }
    }
  });

  it('H3: the method is what is wrong, whatever the body is', async () => {
    const answer = await t.call('PUT', '/api/sessions/room/', undefined, {
      payload: 'not json',
      headers: { 'content-type': 'text/plain' },
    });
    expect(answer.statusCode).toBe(405);
  });

  it.each([
    ['GET', '/api/'],
    ['GET', '/api/nothing'],
    ['GET', '/chat/api/sessions/room/nothing/'],
    ['POST', '/api/sessions/room/messages/more/'],
    ['DELETE', '/nothing'],
    ['GET', '/nothing'],
    ['GET', '/'],
    ['GET', '/apisessions/'],
    ['GET', '/ws/chat/'],
  ])('H3: %s %s is 404 not_found', async (method, url) => {
    const answer = await t.call(method, url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({ success: false, error: 'there is nothing at this path', code: 'not_found' });
  });

  it.each([
    ['GET', '/api//sessions/'],
    ['GET', '//api/sessions/'],
    ['GET', '/api/sessions/room//'],
    ['DELETE', '/api/sessions/room//delete/'],
    ['POST', '/chat/api/sessions/room/messages//'],
    ['POST', '/api/sessions//'],
    ['PUT', '/api/sessions//messages/'],
    ['GET', '//'],
  ])('H3: %s %s is 404 and says that a part of the path is empty', async (method, url) => {
    const answer = await t.call(method, url);
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      success: false,
      error: 'there is nothing at this path: it has an empty part (two slashes in a row)',
      code: 'not_found',
    });
  });

  it.each([
    ['GET', '/api/sessions//'],
    ['PATCH', '/api/sessions//'],
    ['DELETE', '/api/sessions//'],
    ['DELETE', '/api/sessions//delete/'],
    ['POST', '/api/sessions//extend/'],
    ['GET', '/chat/api/sessions//messages/'],
    ['POST', '/chat/api/sessions//messages'],
  ])('H3, C2: %s %s names the session_id that is missing', async (method, url) => {
    const body = { GET: undefined, DELETE: undefined, PATCH: { data: {} }, POST: { content: 'hi' } }[method];
    const answer = await t.call(method, url, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(/^session_id must be 1 to 128 of /);
  });

  it.each([
    ['GET', '/api/sessions/?limit=%'],
    ['GET', '/api/sessions/?limit=1&limit=2'],
    ['GET', '/api/sessions/?prefix=%zz'],
    ['GET', '/api/sessions/?cursor=%ff'],
    ['DELETE', '/api/sessions/?session_id=%E0%A4%A'],
    ['GET', '/api/sessions/room/messages/?view=%'],
    ['GET', '/api/sessions/room/messages/?after_seq=%c0%80'],
  ])('H3: %s %s is 400 by the field whose value cannot be read', async (method, url) => {
    const answer = await t.call(method, url);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(new RegExp(`^${/\?(\w+)=/.exec(url)?.[1]} must be `));
  });

  it('HEAD answers as GET without a body', async () => {
    const answer = await t.call('HEAD', '/api/sessions/');
    expect([answer.statusCode, answer.body]).toEqual([200, '']);
  });
});

/** What an operation of the OpenAPI document says about its input. */
interface Described {
  readonly method: string;
  readonly summary: string;
  readonly parameters?: readonly { name: string; required?: boolean }[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: { readonly 'application/json': { readonly schema: { readonly required?: readonly string[] } } };
  };
}

describe('OpenAPI', () => {
  it('H2: describes every row, and nothing else', async () => {
    const { openapi, paths, servers } = await document();
    expect(openapi).toMatch(/^3\.1/);
    expect(servers.map((server) => server.url)).toEqual(['/api', '/chat/api']);
    const described = Object.entries(paths).flatMap(([path, operations]) => {
      return Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`);
    });
    expect(described.sort()).toEqual(ROWS.map(([method, path]) => `${method} ${path}`).sort());
    for (const operation of Object.values(paths).flatMap((operations) => Object.values(operations))) {
      expect(operation.summary).toBeDefined();
    }
  });

  it('H2: marks as required only what is', async () => {
    const { paths } = (await t.call('GET', '/api/openapi.json')).json();
    const operations = Object.values<Record<string, Record<string, unknown>>>(paths).flatMap((each) =>
      Object.entries(each).map(([method, operation]) => ({ method, ...operation })),
    );
    const required = (names: readonly { name: string; required?: boolean }[] = []) =>
      names.filter((each) => each.required).map((each) => each.name);
    const rows = operations.map((operation) => {
      const { method, summary, parameters, requestBody } = operation as never as Described;
      const schema = requestBody?.content['application/json'].schema;
      return [`${method} ${summary}`, required(parameters), requestBody?.required, schema?.required];
    });
    expect(rows).toContainEqual(['get List sessions', [], undefined, undefined]);
    expect(rows).toContainEqual(['get Read the history', ['session_id'], undefined, undefined]);
    expect(rows).toContainEqual(['post Create a session', [], false, undefined]);
    expect(rows).toContainEqual(['post Set the time to live', ['session_id'], false, undefined]);
    expect(rows).toContainEqual(['post Send into a session', ['session_id'], true, ['content']]);
    expect(rows).toContainEqual(['post Tell everybody', [], true, ['message']]);
    expect(rows).toContainEqual(['patch Merge fields into the data of a session', ['session_id'], true, ['data']]);
  });

  it('H2: the same document under both prefixes', async () => {
    expect((await t.call('GET', '/chat/api/openapi.json')).json()).toEqual(await document());
  });

  it.each(['/api/docs', '/api/docs/'])('H2: %s is a page whose parts all come from here', async (url) => {
    const page = await t.call('GET', url);
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => String(match[1]));
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const part = new globalThis.URL(link, `http://localhost${url}`);
      expect(part.host, link).toBe('localhost');
      expect((await t.call('GET', part.pathname)).statusCode, link).toBe(200);
    }
    expect((await t.call('GET', '/api/docs/json')).json()).toEqual(await document());
    expect((await t.call('GET', '/api/docs/static/swagger-initializer.js')).body).not.toMatch(
      /https?:\/\/(?!stackoverflow)/,
    );
  });

  it('H1: the page is found under the other prefix, too', async () => {
    const answer = await t.call('GET', '/chat/api/docs/');
    expect([answer.statusCode, answer.headers.location]).toEqual([302, '/api/docs/']);
  });

  it('H2: answers are as described', async () => {
    const { paths } = await document();
    const ajv = new Ajv({ strict: false });
    const check = async (method: string, path: string, query: string, body?: unknown) => {
      const answer = await t.call(method, `/api${path.replace('{session_id}', 'described')}${query}`, body);
      const schema = paths[path]?.[method.toLowerCase()]?.responses[answer.statusCode]?.content?.['application/json'];
      if (!schema) throw new Error(`${method} ${path} does not describe ${answer.statusCode}`);
      expect(ajv.validate(schema.schema, answer.json()), `${method} ${path} ${query}: ${ajv.errorsText()}`).toBe(true);
    };
    await check('POST', '/sessions/', '', { session_id: 'described', data: { a: [] } });
    await check('POST', '/sessions/', '', { session_id: 'described' });
    await check('POST', '/sessions/', '', { ttl: 'x' });
    await check('POST', '/sessions/{session_id}/messages/', '', { content: 'hi' });
    await check('POST', '/sessions/{session_id}/messages/', '', { content: 'x'.repeat(300) });
    await check('GET', '/sessions/{session_id}/messages/', '');
    await check('GET', '/sessions/{session_id}/messages/', '?view=log');
    await check('GET', '/sessions/{session_id}/', '');
    await check('GET', '/sessions/', '?limit=1');
    await check('GET', '/sessions/', '');
    await check('PATCH', '/sessions/{session_id}/', '', { data: { b: 1 } });
    await check('POST', '/sessions/{session_id}/extend/', '', { ttl: 60 });
    await check('POST', '/broadcast/', '', { message: 'hi' });
    await check('POST', '/sessions/{session_id}/disconnect/', '');
    await check('POST', '/users/{sub}/disconnect/', '');
    await check('POST', '/users/{sub}/disconnect/', '', { revoke_before: 'now' });
    await check('GET', '/redis/status/', '');
    await check('DELETE', '/sessions/{session_id}/delete/', '');
    await check('DELETE', '/sessions/{session_id}/', '');
  });
});

describe('errors', () => {
  const long = 'x'.repeat(300_000);
  /** One request for each code that this release can answer. */
  const PROVOKED: Partial<Record<HttpErrorCode, () => Promise<LightMyRequestResponse>>> = {
    bad_request: () => t.call('POST', '/api/sessions/', { ttl: 0 }),
    forbidden: () =>
      t.call('POST', '/api/broadcast/', undefined, {
        payload: '{"message":"hi"}',
        headers: { ...JSON_TYPE, origin: 'http://evil.example' },
      }),
    not_found: () => t.call('GET', '/api/nothing/'),
    session_not_found: () => t.call('GET', '/api/sessions/nobody/'),
    method_not_allowed: () => t.call('PUT', '/api/sessions/'),
    session_exists: async () => {
      await t.sessions.create('exists', {});
      return t.call('POST', '/api/sessions/', { session_id: 'exists' });
    },
    id_conflict: async () => {
      await t.call('POST', '/api/sessions/conflict/messages/', { content: 'a', id: 'x' });
      return t.call('POST', '/api/sessions/conflict/messages/', { content: 'b', id: 'x' });
    },
    session_corrupt: () => withStore(() => new SessionCorruptError('room')),
    message_too_large: () => t.call('POST', '/api/sessions/room/messages/', { content: 'x'.repeat(300) }),
    payload_too_large: () => t.call('POST', '/api/sessions/room/messages/', { content: long }),
    unsupported_media_type: () =>
      t.call('POST', '/api/sessions/', undefined, { payload: 'a=b', headers: { 'content-type': 'text/plain' } }),
    head_too_large: () => t.call('GET', '/api/sessions/', undefined, { headers: { cookie: 'c'.repeat(16_384) } }),
    internal_error: () => withStore(() => new Error('a defect')),
    storage_unavailable: () => withStore(),
    unauthorized: () => withTokens({ secrets: ['a-secret-of-at-least-thirty-two-bytes'], maxTokenSeconds: 60 }),
    tokens_unavailable: () =>
      withTokens(
        { secrets: [], jwksUrl: 'http://127.0.0.1:9/', maxTokenSeconds: 60 },
        `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.AA`,
      ),
    overloaded: () => whenShortOf('memory'),
  };
  /**
   * Codes that this process does not answer, those of the gateway, and those that need a real connection.
   */
  const NOT_HERE: readonly HttpErrorCode[] = ['rate_limited', 'draining', 'request_timeout', 'expectation_failed'];

  async function withStore(error?: () => Error): Promise<LightMyRequestResponse> {
    const other = await testApp({ sessions: rejectingStore(error) });
    const answer = await other.call('GET', '/api/sessions/room/');
    await other.app.close();
    return answer;
  }

  async function withTokens(auth: AuthSettings, token = ''): Promise<LightMyRequestResponse> {
    const other = await testApp({}, { auth });
    const answer = await other.call('GET', `/api/sessions/room/?token=${token}`);
    await other.app.close();
    return answer;
  }

  async function whenShortOf(resource: ScarceResource): Promise<LightMyRequestResponse> {
    const other = await testApp({ load: { shortage: () => resource } });
    const answer = await other.call('GET', '/api/redis/status/');
    await other.app.close();
    return answer;
  }

  it('B7: short of memory or time it answers 503, short of descriptors it gives the connection back', async () => {
    for (const resource of ['memory', 'event_loop'] as const) {
      const answer = await whenShortOf(resource);
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
    }
    const served = await whenShortOf('descriptors');
    expect([served.statusCode, served.headers['connection']]).toEqual([200, 'close']);
  });

  it('H3: every code of the table is provoked here or is not ours yet', () => {
    expect([...Object.keys(PROVOKED), ...NOT_HERE].sort()).toEqual(Object.keys(HTTP_ERRORS).sort());
  });

  it.each(Object.entries(PROVOKED))('H3: %s has its status and the shape of a failure', async (code, provoke) => {
    const answer = await provoke();
    expect(answer.statusCode).toBe(HTTP_ERRORS[code as HttpErrorCode]);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('no-store');
    const { success, error, code: word, session_id: _sessionId, ...rest } = answer.json();
    expect([success, word, rest]).toEqual([false, code, {}]);
    expect(error).toMatch(/^\S.{9,}$/);
    expect('retry-after' in answer.headers).toBe(answer.statusCode === 503);
  });

  it('D4: every route that needs the store answers 503 with Retry-After and a sentence', async () => {
    const other = await testApp({ sessions: rejectingStore() });
    for (const [method, path] of ROWS) {
      if (['/redis/status/', '/broadcast/'].includes(path) || path.endsWith('/disconnect/')) continue;
      const body = { PATCH: { data: {} }, POST: { content: 'hi' } }[method as 'PATCH'];
      const query = method === 'DELETE' && path === '/sessions/' ? '?session_id=room' : '';
      const answer = await other.call(method, `/api${path.replace('{session_id}', 'room')}${query}`, body);
      expect(answer.statusCode, `${method} ${path}`).toBe(503);
      expect(answer.json()).toMatchObject({ success: false, code: 'storage_unavailable' });
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    await other.app.close();
  });

  it('H3: a defect is 500 without its text, which only the log has, and without what people wrote', async () => {
    const defect = Object.assign(new Error('at redis://user:hunter2@cache'), { command: { args: ['what Ann wrote'] } });
    const other = await testApp({ sessions: rejectingStore(() => defect) });
    const answer = await other.call('POST', '/api/sessions/room/messages/', { content: 'what Ann wrote' });
    expect(answer.json()).toEqual({
      success: false,
      error: 'something went wrong on our side; the log knows more',
      code: 'internal_error',
      session_id: 'room',
    });
    expect(other.lines.join('\n')).toContain('ERROR: Request failed');
    expect(other.lines.join('\n')).not.toContain('what Ann wrote');
    await other.app.close();
  });

  const post = (payload: string | Buffer, headers: Record<string, string> = JSON_TYPE) =>
    t.call('POST', '/api/sessions/', undefined, { payload, headers });

  it.each(['{', 'null,', '"text', '{"a":1}}', 'undefined', '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":NaN}'])(
    'H3: a body that is not JSON (%s) is 400',
    async (body) => {
      const answer = await post(body);
      expect(answer.statusCode).toBe(400);
      expect(answer.json().error).toBe('the body is not JSON');
    },
  );

  /** Every route that takes a body, with a body that it would take. */
  const TAKES_BODY = [
    ['POST', '/api/sessions/', '"session_id":"c8"'],
    ['PATCH', '/api/sessions/room/', '"data":{}'],
    ['POST', '/chat/api/sessions/room/extend/', '"ttl":60'],
    ['POST', '/api/sessions/room/messages/', '"content":"hi"'],
    ['POST', '/api/broadcast/', '"message":"hi"'],
  ] as const;
  it.each(TAKES_BODY)('C8, H3: %s %s names what a reader of JSON would change or lose', async (method, url, fields) => {
    for (const [extra, path] of [
      ['"more":[1,{"id":9007199254740993}]', 'more.1.id must be a number that JavaScript keeps'],
      ['"more":1e400', 'more must be a number that JavaScript keeps'],
      ['"more":{"a":{"__proto__":{"x":1}}}', 'more.a.__proto__ must be left out'],
      ['"__proto__":{}', '__proto__ must be left out'],
      ['"more":{"constructor":{"prototype":{}}}', 'more.constructor.prototype must be left out'],
      ['"more":{"a":1,"a":1}', 'more.a must be given only once'],
      [fields, `${JSON.parse(`[${fields.split(':')[0]}]`)[0]} must be given only once`],
    ] as const) {
      const answer = await t.call(method, url, undefined, { payload: `{${fields},${extra}}`, headers: JSON_TYPE });
      expect(answer.statusCode, extra).toBe(400);
      expect(answer.json()).toMatchObject({ success: false, code: 'bad_request' });
      expect(answer.json().error.slice(0, path.length)).toBe(path);
      expect(answer.json().session_id).toBe(url.includes('room') ? 'room' : undefined);
    }
  });

  it.each(['null', '5', '"text"', '[]', 'true'])('H3: a body that is no object (%s) is 400', async (body) => {
    const answer = await post(body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toBe('the body must be a JSON object');
  });

  it('H3: a body that is not UTF-8 is 400, not repaired in silence', async () => {
    const answer = await post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toBe('the body is not valid UTF-8');
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'multipart/form-data',
    'nonsense',
    '',
  ])('H3: the content type %j is 415', async (type) => {
    const answer = await post('{}', { 'content-type': type });
    expect(answer.statusCode).toBe(415);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON'])('takes %s', async (type) => {
    expect((await post('{}', { 'content-type': type })).statusCode).toBe(201);
  });

  it.each(['/api/sessions/%', '/api/sessions/%ff/', '/api/%E0%A4%A/', '/%'])('H3: the path %s is 400', async (url) => {
    const answer = await t.call('GET', url);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toEqual({
      success: false,
      error: 'the path is not valid percent-encoding',
      code: 'bad_request',
    });
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('a client that takes nothing of its answer', () => {
  it('is dropped, and the answer with it', async () => {
    const other = await testApp();
    const { server } = other.app;
    expect(server.timeout).toBe(60_000);
    // More than the kernels' buffers take.
    other.app.get('/large', async () => 'x'.repeat(64 * 1_048_576));
    const url = new URL(await other.app.listen({ host: '127.0.0.1', port: 0 }));
    server.timeout = 300;
    const client = connect({ port: Number(url.port), host: '127.0.0.1' });
    const [accepted] = (await once(server, 'connection')) as [Socket];
    client.pause();
    client.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(accepted, 'close');
    expect(accepted.bytesWritten).toBeGreaterThan(0);
    client.destroy();
    await other.app.close();
  });

  it('has one answer at a time made for it, however many it asks for; whoever reads gets all in order', async () => {
    const other = await testApp();
    let made = 0;
    other.app.get('/large/:number', async ({ params }) => {
      made += 1;
      return `answer ${(params as { number: string }).number};${'x'.repeat(16 * 1_048_576)}`;
    });
    const url = new URL(await other.app.listen({ host: '127.0.0.1', port: 0 }));
    const client = connect({ port: Number(url.port), host: '127.0.0.1' });
    const [accepted] = (await once(other.app.server, 'connection')) as [Socket];
    client.pause();
    for (let number = 0; number < 5; number++) client.write(`GET /large/${number} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await eventually('the first answer to be begun', () => accepted.bytesWritten > 0);
    expect(made).toBe(1);
    let text = '';
    client.on('data', (data) => {
      text += data.toString('latin1').replaceAll('x', '');
    });
    client.resume();
    await eventually('all answers', () => text.includes('answer 4;'));
    expect(text.match(/answer \d;/g)).toEqual([0, 1, 2, 3, 4].map((number) => `answer ${number};`));
    client.destroy();
    await other.app.close();
  });
});

describe('every answer', () => {
  it('is counted by its route, never by an id', async () => {
    const own = await testApp();
    await own.call('GET', '/chat/api/sessions/secret-room');
    await own.call('GET', '/api/nothing/secret');
    await own.call('POST', '/api/sessions/secret-room/extend/', { ttl: 0 });
    await own.app.close();
    const text = await own.metrics.exposition();
    expect(text).toMatch(/requests_total\{route="\/api\/sessions\/:session_id\/",method="GET",status="404".*\} 1/);
    expect(text).toMatch(
      /requests_total\{route="\/api\/sessions\/:session_id\/extend\/",method="POST",status="400".*\} 1/,
    );
    expect(text).toMatch(/requests_total\{route="none",method="GET",status="404".*\} 1/);
    expect(text).not.toContain('secret');
  });

  it.each(['/api/sessions/', '/api/nothing', '/api/docs/', '/api/openapi.json', '/api/%zz'])(
    'M6: %s has the security headers',
    async (url) => {
      const { headers } = await t.call('GET', url);
      expect(headers['content-security-policy']).toContain("default-src 'self'");
      expect(headers['content-security-policy']).not.toContain('unsafe-eval');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'origin-agent-cluster': '?1',
        'permissions-policy': 'camera=(), geolocation=(), microphone=()',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-permitted-cross-domain-policies': 'none',
      });
      // Whoever ends TLS decides about it.
      expect(headers).not.toHaveProperty('strict-transport-security');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers).not.toHaveProperty('x-powered-by');
    },
  );
});
