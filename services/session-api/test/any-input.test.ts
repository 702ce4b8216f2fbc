import { connect } from 'node:net';
import { type ServiceProcess, startProcess, startRedis, stopAll, withDeadline } from '@holdfast/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let api: ServiceProcess;
beforeAll(async () => {
  const redis = await startRedis();
  // On a busy machine answers are late, which must not count as an outage.
  const env = { CHANNEL_REDIS_URL: redis.url };
  api = await startProcess({ service: 'session-api', env });
});
afterAll(stopAll);

/**
 * Writes bytes to a connection of its own and reads until the server ends it.
 *
 * @param whole the bytes are a request that asks for `Connection: close`. Anything else is followed by the end of the
 *   stream, which also ends requests that are being answered.
 */
async function exchange(bytes: Uint8Array, whole: boolean): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  let answer = '';
  const ended = new Promise<string>((resolve) => {
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
  if (whole) socket.write(bytes);
  else socket.end(bytes);
  return withDeadline(ended, 'the server to end the connection');
}

function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'CONNECT', 'get', ''];
const SEGMENTS = [
  'api',
  'chat',
  'sessions',
  'messages',
  'extend',
  'delete',
  'broadcast',
  'redis',
  'status',
  'docs',
  'room',
];
const FIELDS = ['session_id', 'data', 'ttl', 'content', 'id', 'sender', 'message', 'title', 'level'];
const QUERIES = ['limit', 'cursor', 'prefix', 'after_seq', 'view', 'token'];

/** Text as a careless client may put it into a URL: anything but what ends the line. */
const urlText = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll(/[\r\n ]/g, '_'));
const path = fc
  .array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...SEGMENTS) }, urlText), { maxLength: 6 })
  .map((segments) => `/${segments.join('/')}`);
const query = fc
  .array(fc.tuple(fc.constantFrom(...QUERIES), fc.oneof(urlText, fc.integer().map(String))), { maxLength: 3 })
  .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'));
const fieldValue = fc.oneof(fc.jsonValue(), fc.constantFrom('room', 'hi', 60, {}, { count: 1 }, 'x'.repeat(20_000)));
const body = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((json) => Buffer.from(json)),
  fc.dictionary(fc.constantFrom(...FIELDS), fieldValue).map((fields) => Buffer.from(JSON.stringify(fields))),
);
const contentType = fc.constantFrom('application/json', 'application/json', 'text/plain', '', 'application/json;x="');

interface RequestParts {
  method: string;
  path: string;
  query: string;
  contentType: string;
  body: Uint8Array;
}

function render(parts: RequestParts): Buffer {
  const { method, path: url, query: text, contentType: type, body: bytes } = parts;
  const head = `${method} ${url}?${text} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

const knownPath = fc.constantFrom('/api/sessions/', '/chat/api/broadcast/', '/api/sessions/room/extend');
/** Requests that may have anything in any part. */
const wild = fc
  .record({ method: fc.constantFrom(...METHODS), path: fc.oneof(path, knownPath), query, contentType, body })
  .map(render);

const roomPath = fc.constantFrom('room', 'other', 'x'.repeat(128)).map((id) => `/api/sessions/${id}`);
const count = fc.integer({ min: -1, max: 20 }).map(String);
const readQuery = fc
  .record({ limit: count, after_seq: count, view: fc.constantFrom('log', 'pairs', 'x') }, { requiredKeys: [] })
  .map((fields) => new URLSearchParams(fields).toString());
/** Requests of the API's own form, with fields that are mostly right and of any content. */
const plausible = fc
  .oneof(
    fc.tuple(fc.constant('GET'), fc.constant('/chat/api/sessions'), readQuery, fc.constant({})),
    fc.tuple(
      fc.constant('POST'),
      fc.constant('/api/sessions/'),
      fc.constant(''),
      fc.record({ session_id: fc.constantFrom('room', 'other'), data: fc.dictionary(fc.string(), fc.jsonValue()) }),
    ),
    fc.tuple(fc.constantFrom('GET', 'DELETE'), roomPath, fc.constant(''), fc.constant({})),
    fc.tuple(
      fc.constant('PATCH'),
      roomPath,
      fc.constant(''),
      fc.record({ data: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()) }),
    ),
    fc.tuple(
      fc.constant('POST'),
      roomPath.map((room) => `${room}/extend/`),
      fc.constant(''),
      fc.record({ ttl: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.jsonValue()) }, { requiredKeys: [] }),
    ),
    fc.tuple(
      fc.constant('POST'),
      roomPath.map((room) => `${room}/messages/`),
      fc.constant(''),
      fc.record(
        {
          content: fc.string({ unit: 'binary' }),
          sender: fc.string({ unit: 'binary' }),
          id: fc.constantFrom('a', 'b'),
        },
        { requiredKeys: ['content'] },
      ),
    ),
    fc.tuple(
      fc.constant('GET'),
      roomPath.map((room) => `${room}/messages`),
      readQuery,
      fc.constant({}),
    ),
    fc.tuple(
      fc.constant('POST'),
      fc.constant('/api/broadcast'),
      fc.constant(''),
      fc.record({ message: fc.string({ unit: 'binary' }), title: fc.string() }, { requiredKeys: ['message'] }),
    ),
  )
  .map(([method, url, text, fields]) => {
    const bytes = Buffer.from(JSON.stringify(fields));
    return render({ method, path: url, query: text, contentType: 'application/json', body: bytes });
  });

const request = fc.oneof(wild, plausible);

/** A request whose bytes were damaged on the way. */
const damaged = fc.tuple(request, fc.nat(), fc.uint8Array({ maxLength: 20 })).map(([bytes, at, noise]) => {
  const cut = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, cut), noise, bytes.subarray(cut + (at % 7))]);
});
const noise = fc.uint8Array({ maxLength: 500 });

async function survives(bytes: Uint8Array, whole: boolean): Promise<void> {
  const answer = await exchange(bytes, whole);
  expect(statusesOf(answer).filter((status) => status >= 500)).toEqual([]);
  expect(answer).not.toMatch(/\n\s+at .+:\d+:\d+/);
  expect(api.child.exit).toBeUndefined();
}

describe('any input', () => {
  it('H3: well-formed requests of any content get no 500 and no stack trace', async () => {
    await fc.assert(
      fc.asyncProperty(request, (bytes) => survives(bytes, true)),
      { numRuns: 1_000 },
    );
  });

  it('H3: damaged requests and plain noise get no 500 and no stack trace', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged, noise), (bytes) => survives(bytes, false)),
      { numRuns: 600 },
    );
  });

  const LINE = 'a request must begin with METHOD PATH HTTP/1.1';
  const HEADER = 'a header has a character in its name or value that HTTP does not allow there';
  const LENGTH = 'Content-Length must be one whole number, and absent beside Transfer-Encoding';
  it.each([
    ['GET / HTTP/1.1\r\nbroken header\r\n', HEADER],
    ['GET / HTTP/1.1\r\nmy header: 1\r\n', HEADER],
    ['GET / HTTP/1.1\r\nx : 1\r\n', HEADER],
    ['GET / HTTP/1.1\r\nx(y): 1\r\n', HEADER],
    ['GET / HTTP/1.1\r\nx: a\u0001b\r\n', HEADER],
    ['POST / HTTP/1.1\r\nContent-Length: x\r\n', LENGTH],
    ['POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n', LENGTH],
    ['POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n', LENGTH],
    ['GET /a\u0001 HTTP/1.1\r\n', 'the path has a character that must be percent-encoded'],
    ['FOO / HTTP/1.1\r\n', LINE],
    ['GET /a b HTTP/1.1\r\n', LINE],
    ['GET / HTTP/3.0\r\n', LINE],
  ])('H3: what the parser refuses is answered as a failure that says what it is: %j', async (head, error) => {
    const answer = await exchange(Buffer.from(`${head}Host: localhost\r\n\r\n`), false);
    expect(statusesOf(answer)).toEqual([400]);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({
      success: false,
      error,
      code: 'bad_request',
    });
  });

  it('is alive and well afterwards', async () => {
    expect((await api.readiness()).status).toBe(200);
    expect(api.log.matching('Request failed')).toEqual([]);
    const answered = (status: string) => api.metric('holdfast_api_requests_total', { status });
    for (const status of ['200', '201', '400', '404', '405', '409', '415'])
      expect(await answered(status), status).toBeGreaterThan(0);
    expect(await answered('500')).toBeUndefined();
  });
});
