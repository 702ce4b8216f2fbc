import { request } from 'node:http';
import { connect } from 'node:net';
import {
  eventually,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MASKED = 'redis://:***@';

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

let redis: RedisServer;
let api: ServiceProcess;

beforeAll(async () => {
  redis = await startRedis();
  api = await startProcess({ service: 'session-api', env: { CHANNEL_REDIS_URL: redis.url } });
});
afterAll(stopAll);

async function call(method: string, path: string, body?: unknown, to: ServiceProcess = api): Promise<Answer> {
  const answer = await fetch(to.url + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}

describe('a Redis user that may not publish', () => {
  it('A1, A4: what is stored is answered as stored, a repetition finds it, and the log says once what is wrong', async () => {
    const server = await startRedis();
    await server.cli('acl', 'setuser', 'app', 'on', '>pw', '~*', '&*', '+@all');
    const env = { CHANNEL_REDIS_URL: server.url.replace('redis://', 'redis://app:pw@') };
    const narrow = await startProcess({ service: 'session-api', env });
    await server.cli('acl', 'setuser', 'app', 'resetchannels');
    const path = '/api/sessions/s/';
    const first = await call('POST', `${path}messages/`, { content: 'hello', id: 'm1' }, narrow);
    expect(first).toMatchObject({ status: 200, body: { seq: 1, id: 'm1' } });
    expect((await call('POST', `${path}messages/`, { content: 'hello', id: 'm1' }, narrow)).body).toMatchObject({
      seq: 1,
    });
    expect((await call('POST', `${path}extend/`, { ttl: 60 }, narrow)).body).toMatchObject({ ttl: 60 });
    expect((await call('GET', path, undefined, narrow)).body).toMatchObject({ data: { data: { count: 1 } } });
    expect((await call('DELETE', path, undefined, narrow)).status).toBe(200);
    expect((await call('DELETE', path, undefined, narrow)).status).toBe(404);
    expect(narrow.log.matching('refuses to publish')).toHaveLength(1);
    expect(await narrow.metric('holdfast_redis_errors_total', { kind: 'unpublished' })).toBe(3);
    await narrow.stop();
  });
});

/** Texts of a process's log lines. */
function texts(process: ServiceProcess): unknown[] {
  return process.log.lines.map((line) => (JSON.parse(line) as { msg?: unknown }).msg);
}

/** The status of a request whose path is sent as it stands: `fetch` and browsers take `.` and `..` out of a path. */
function statusOf(method: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(api.url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}

it.each([
  ['GET', ''],
  ['DELETE', ''],
  ['POST', 'extend/'],
  ['DELETE', 'delete/'],
  ['GET', 'messages/'],
])('C2: %s sessions/{id}/%s refuses . and .. however they are spelt', async (method, rest) => {
  for (const id of ['.', '..', '%2e', '.%2E', '%2e%2e']) {
    expect(await statusOf(method, `/api/sessions/${id}/${rest}`), id).toBe(400);
  }
});

describe('the API on a real Redis', () => {
  it('answers the status object of the original guides', async () => {
    const { status, body } = await call('GET', '/api/redis/status/');
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, redis_connected: true, redis_url: redis.url, default_ttl: 3600 });
    expect(body['used_memory_bytes']).toBeGreaterThan(100_000);
    expect(body['latency_ms']).toBeGreaterThan(0);
  });

  it('C8: a number that would come back changed is refused; the same digits as a string come back', async () => {
    const create = (json: string) =>
      fetch(`${api.url}/api/sessions/`, {
        method: 'POST',
        body: json,
        headers: { 'content-type': 'application/json' },
      });
    const refused = await create('{"session_id":"c8","data":{"order":{"id":9007199254740993}}}');
    expect([refused.status, await refused.json()]).toEqual([
      400,
      {
        success: false,
        error:
          'data.order.id must be a number that JavaScript keeps, or a string: 9007199254740993 would become 9007199254740992',
        code: 'bad_request',
      },
    ]);
    expect(await redis.cli('exists', 'session:c8')).toBe('0');
    expect((await create('{"session_id":"c8","data":{"order":{"id":"9007199254740993","sum":0.10}}}')).status).toBe(
      201,
    );
    expect(await redis.cli('get', 'session:c8')).toContain('"order":{"id":"9007199254740993","sum":0.1}');
  });

  it('a session lives under its key in Redis with its TTL, is extended, changed and deleted, and the log says so', async () => {
    const id = 'my-session';
    const created = await call('POST', '/api/sessions/', { session_id: id, data: { tags: [], n: 1.5 }, ttl: 600 });
    expect(created.status).toBe(201);
    expect(Number(await redis.cli('ttl', `session:${id}`))).toBeGreaterThan(595);
    expect(JSON.parse(await redis.cli('get', `session:${id}`))).toMatchObject({
      data: { count: 0, tags: [], n: 1.5 },
      ttl: 600,
    });
    expect((await call('POST', `/chat/api/sessions/${id}/extend/`, { ttl: 7200 })).body).toMatchObject({ ttl: 7200 });
    expect(Number(await redis.cli('ttl', `session:${id}`))).toBeGreaterThan(7195);
    expect((await call('PATCH', `/api/sessions/${id}`, { data: { n: 2 } })).status).toBe(200);
    const read = await call('GET', `/api/sessions/${id}/`);
    expect(read.body).toMatchObject({ session_id: id, data: { data: { count: 0, tags: [], n: 2 }, ttl: 7200 } });
    expect((await call('DELETE', `/api/sessions/${id}/delete/`)).status).toBe(200);
    expect(await redis.cli('exists', `session:${id}`)).toBe('0');
    expect(texts(api)).toEqual(
      expect.arrayContaining([
        `Session stored in Redis: ${id}, TTL: 600s`,
        `Session TTL extended in Redis: ${id}, new TTL: 7200s`,
        `Session deleted from Redis: ${id}`,
      ]),
    );
  });

  it('A4: what is sent is stored once, in order, also when many send at once and repeat themselves', async () => {
    const path = '/api/sessions/busy/messages/';
    const sends = Array.from({ length: 40 }, (_, i) =>
      call('POST', path, { content: `n${i % 20}`, id: `id-${i % 20}` }),
    );
    const answers = await Promise.all(sends);
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      expect(answer.body['seq']).toBe(answers[i % 20]?.body['seq']);
    }
    const { body } = await call('GET', `${path}?view=log`);
    const messages = body['messages'] as { seq: number; id: string; content: string }[];
    expect(messages.map((message) => message.seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(new Set(messages.map((message) => message.id)).size).toBe(20);
    const pairs = (await call('GET', `${path}?limit=1`)).body;
    expect(pairs).toMatchObject({ count: 2, has_more: true });
    expect(pairs['messages']).toMatchObject([{ isSent: true }, { content: `Message #1: ${messages[0]?.content}` }]);
  });

  it('H4: a history of large messages is read in pages of about 1 MiB, also by many at once', async () => {
    const path = '/api/sessions/large/messages/';
    const content = '\u0001'.repeat(16_384);
    for (let i = 0; i < 40; i++) expect((await call('POST', path, { content })).status).toBe(200);
    const readAll = async () => {
      const seqs: number[] = [];
      for (let next: unknown = 0; next !== undefined; ) {
        const { status, body } = await call('GET', `${path}?view=log&limit=10000&after_seq=${next}`);
        expect(status).toBe(200);
        const messages = body['messages'] as { seq: number; content: string }[];
        expect(messages.length).toBeLessThanOrEqual(10);
        for (const message of messages) expect(message.content).toBe(content);
        seqs.push(...messages.map(({ seq }) => seq));
        next = body['next'];
      }
      return seqs;
    };
    const all = Array.from({ length: 40 }, (_, i) => i + 1);
    expect(await Promise.all(Array.from({ length: 10 }, readAll))).toEqual(Array.from({ length: 10 }, () => all));
  });

  it('lists many sessions page by page, each once', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `page-${i}`);
    await Promise.all(ids.map((id) => call('POST', '/api/sessions/', { session_id: id })));
    const seen: string[] = [];
    for (let cursor: unknown = ''; cursor !== null; ) {
      const query = cursor === '' ? '' : `&cursor=${encodeURIComponent(String(cursor))}`;
      const { status, body } = await call('GET', `/api/sessions/?prefix=page-&limit=7${query}`);
      expect(status).toBe(200);
      const rows = body['sessions'] as { session_id: string }[];
      expect(rows.length).toBeLessThanOrEqual(7);
      seen.push(...rows.map((row) => row.session_id));
      cursor = body['cursor'];
    }
    expect(seen.sort()).toEqual(ids.sort());
  });

  it.each(['x', '0:x:0', '9:0:0', ':::', '0:99999999999999999999999:0', 'a-session'])(
    'H3: a cursor nobody gave (%s) is never a 500',
    async (cursor) => {
      expect([200, 400]).toContain((await call('GET', `/api/sessions/?cursor=${cursor}`)).status);
    },
  );

  it('409 session_corrupt for what is no session, of any kind', async () => {
    await redis.cli('set', 'session:garbage', '{"not":"ours"}', 'EX', 100);
    await redis.cli('set', 'session:bytes', '\u0001', 'EX', 100);
    await redis.cli('hset', 'session:hash', 'a', 'b');
    await redis.cli('expire', 'session:hash', 100);
    for (const id of ['garbage', 'bytes', 'hash']) {
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['PATCH', '', { data: { a: 1 } }],
        ['POST', 'extend/', { ttl: 5 }],
        ['GET', 'messages/', undefined],
      ] as const) {
        const answer = await call(method, `/api/sessions/${id}/${path}`, body);
        expect(answer.status, `${method} ${id}/${path}`).toBe(409);
        expect(answer.body).toMatchObject({ success: false, code: 'session_corrupt', session_id: id });
      }
    }
    expect((await call('GET', '/api/sessions/?prefix=garb')).status).toBe(200);
  });

  it('counts requests, and its admin port tells how it is', async () => {
    expect(await api.metric('holdfast_api_requests_total', { route: '/api/redis/status/' })).toBeGreaterThan(0);
    expect(await api.metric('holdfast_redis_up')).toBe(1);
    expect(await api.readiness()).toMatchObject({ status: 200, body: { ready: true, storage: 'redis' } });
  });
});

describe('Redis away', () => {
  it('D4: starts without it, says 503 with Retry-After, and recovers by itself', async () => {
    const server = await startRedis();
    await server.stop();
    const url = `redis://:hunter2@127.0.0.1:${server.port}/0`;
    const early = await startProcess({ service: 'session-api', env: { CHANNEL_REDIS_URL: url } });
    const status = await call('GET', '/api/redis/status/', undefined, early);
    expect(status.status).toBe(503);
    expect(status.body).toMatchObject({ success: false, redis_connected: false });
    expect(status.body['redis_url']).toContain(MASKED);
    for (const [method, path, body] of [
      ['GET', '/api/sessions/room/', undefined],
      ['POST', '/api/sessions/room/messages/', { content: 'hi', id: 'mine' }],
      ['POST', '/api/broadcast/', { message: 'hi' }],
    ] as const) {
      const answer = await call(method, path, body, early);
      expect(answer.status, path).toBe(503);
      expect(answer.body).toMatchObject({ success: false, code: 'storage_unavailable' });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await early.readiness()).body).toMatchObject({ ready: true, storage: 'unavailable' });
    expect(early.log.lines.join('\n')).not.toContain('hunter2');
    await server.start();
    await server.cli('config', 'set', 'requirepass', 'hunter2');
    await eventually('the API to recover', async () => {
      return (await call('GET', '/api/sessions/', undefined, early)).status === 200;
    });
    expect(
      (await call('POST', '/api/sessions/room/messages/', { content: 'hi', id: 'mine' }, early)).body,
    ).toMatchObject({ seq: 1, id: 'mine' });
    await eventually('the log to say so', () => texts(early).includes('Redis is back'));
    const aways = texts(early).filter((text) => String(text).startsWith('Redis is away'));
    expect(aways).toHaveLength(1);
    await early.stop();
  });

  it('D1: a Redis that is silent is noticed by time-out, and a message with unknown outcome is repeated safely', async () => {
    const server = await startRedis();
    const own = await startProcess({
      service: 'session-api',
      env: { CHANNEL_REDIS_URL: server.url, REDIS_TIMEOUT_MS: '300' },
    });
    const path = '/api/sessions/room/messages/';
    const send = (content: string, id: string) => call('POST', path, { content, id }, own);
    await eventually('the first to be stored', async () => (await send('first', 'a')).status === 200);
    server.pause();
    const lost = await send('second', 'b');
    expect(lost.status).toBe(503);
    expect(lost.body).toMatchObject({ code: 'storage_unavailable', id: 'b', session_id: 'room' });
    server.resume();
    const repeated = await eventually('the repeat to be stored', async () => {
      const answer = await send('second', 'b');
      return answer.status === 200 && answer;
    });
    expect(repeated.body['seq']).toBe(2);
    const { body } = await call('GET', `${path}?view=log`, undefined, own);
    expect((body['messages'] as { id: string }[]).map((message) => message.id)).toEqual(['a', 'b']);
    await own.stop();
  });
});

describe('the process', () => {
  it('refuses to start with settings that are not right, and names them', async () => {
    const start = startProcess({ service: 'session-api', env: { REDIS_SESSION_TTL: 'soon' } });
    await expect(start).rejects.toThrow(/REDIS_SESSION_TTL/);
  });

  it('B3: a drain fails /readyz while requests are still served', async () => {
    const own = await startProcess({ service: 'session-api', env: { CHANNEL_REDIS_URL: redis.url } });
    await fetch(`${own.adminUrl}/drain`, { method: 'POST' });
    expect(await own.readiness()).toMatchObject({ status: 503, body: { ready: false, draining: true } });
    expect((await call('GET', '/api/sessions/', undefined, own)).status).toBe(200);
    expect(await own.stop()).toEqual({ code: 0, signal: null });
  });

  it.each(['30', '0'])(
    'B6: SIGTERM finishes the request under way, then ends with 0 (DRAIN_SECONDS %s)',
    async (wait) => {
      const env = { CHANNEL_REDIS_URL: redis.url, DRAIN_SECONDS: wait };
      const own = await startProcess({ service: 'session-api', env });
      const socket = connect(own.port, '127.0.0.1');
      const body = JSON.stringify({ content: 'last words' });
      let answer = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
      socket.write(
        `POST /api/sessions/late-${wait}/messages/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
      );
      await eventually('the request to have begun', () => answer.includes('100 Continue'));
      own.child.signal('SIGTERM');
      await own.log.waitFor('Shutting down');
      socket.write(body);
      expect(await own.child.exited).toEqual({ code: 0, signal: null });
      expect(answer).toContain('200 OK');
      expect(answer).toContain('"seq":1');
    },
  );
});
