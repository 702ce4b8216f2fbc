import {
  connectFramed,
  connectPlain,
  eventually,
  type RedisServer,
  type ServiceProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  isMessage,
  joinFramed,
  joinPlain,
  rawUpgrade,
  refusalOf,
  startGatewayProcess,
} from './support/gateway-process.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let redis: RedisServer;
let gateway: ServiceProcess;
let limited: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  [gateway, limited] = await Promise.all([
    startGatewayProcess(redis.url),
    startGatewayProcess(
      redis.url,
      {
        MAX_CONNECTIONS_PER_IP: '2',
        MAX_CONNECTS_PER_SECOND: '50',
        TRUST_PROXY: 'true',
        ALLOWED_ORIGINS: 'https://Chat.example:443, http://localhost:5173, capacitor://localhost',
      },
      'limited gateway',
    ),
  ]);
});
afterAll(stopAll);

/** Header lines of a client behind a proxy. */
const from = (address: string): string => `x-forwarded-for: ${address}`;

describe('an upgrade', () => {
  it.each(['/ws/chat', '/ws/chat/'])('C1: is taken at %s', async (path) => {
    const { client, welcome } = await (async () => {
      const connected = await connectFramed(`ws://127.0.0.1:${gateway.port}${path}`);
      return { client: connected, welcome: await connected.frames.next() };
    })();
    expect(welcome).toMatchObject({ type: 'welcome', persistence: 'none' });
    await client.close();
  });

  it('C2: without a session gets one of its own, a UUID', async () => {
    const [one, two] = await Promise.all([connectFramed(gateway.wsUrl), connectFramed(gateway.wsUrl)]);
    const ids = [(await one.frames.next())['sessionId'], (await two.frames.next())['sessionId']];
    expect(ids).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)]);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('C2: takes a session id of 128 characters of every kind allowed', async () => {
    const session = 'aZ09._~-'.repeat(16);
    const { welcome } = await joinFramed(gateway, session);
    expect(welcome['sessionId']).toBe(session);
    expect(await redis.cli('exists', `session:${session}`)).toBe('1');
  });

  it.each([
    ['session', { session: 'x'.repeat(129) }],
    ['session', { session: '' }],
    ['session', { session: '../etc' }],
    ['session', { session: 'a b' }],
    ['session', { session: 'grüße' }],
    ['redis_persistence', { redis_persistence: 'yes' }],
    ['last_seq', { last_seq: '-1' }],
    ['last_seq', { last_seq: 'x' }],
    ['last_id', { last_seq: 1, last_id: 'a b' }],
    ['client', { client: 'short' }],
  ])('C2: a bad %s is refused with 400 and the JSON of H3, before the upgrade (%j)', async (field, query) => {
    const refusal = await refusalOf(connectFramed(gateway.wsUrl, { query }));
    expect(refusal.status).toBe(400);
    expect(refusal.headers['content-type']).toContain('application/json');
    expect(refusal.json).toEqual({ success: false, error: expect.stringContaining(field), code: 'bad_request' });
  });

  it('C3: without a subprotocol is plain; with holdfast.v1 among those offered is framed, which is answered', async () => {
    const plain = await connectPlain(gateway.wsUrl);
    const framed = await connectFramed(gateway.wsUrl, { protocols: ['chat', 'holdfast.v1'] });
    expect([plain.protocol, framed.protocol]).toEqual(['', 'holdfast.v1']);
    expect(await framed.frames.next()).toMatchObject({ type: 'welcome' });
  });

  it('C3: with others only is refused with 400', async () => {
    const refusal = await refusalOf(connectFramed(gateway.wsUrl, { protocols: ['chat', 'holdfast.v2'] }));
    expect([refusal.status, refusal.json['code']]).toEqual([400, 'bad_request']);
  });

  it('C4: from a page of another site is refused with 403; of the same host, or from no browser, passes', async () => {
    const connect = (headers: Record<string, string>) => connectPlain(gateway.wsUrl, { headers });
    const refusal = await refusalOf(connect({ origin: 'https://evil.example' }));
    expect([refusal.status, refusal.json]).toEqual([403, expect.objectContaining({ code: 'forbidden' })]);
    await connect({ origin: `http://127.0.0.1:${gateway.port}` });
    await connect({});
  });

  it('C4: from a page that ALLOWED_ORIGINS names passes; then one of its own host does not', async () => {
    const connect = (origin: string, address: string) =>
      connectPlain(limited.wsUrl, { headers: { origin, 'x-forwarded-for': address } });
    await connect('https://chat.example', '10.0.0.1');
    await connect('http://localhost:5173', '10.0.0.2');
    await connect('capacitor://localhost', '10.0.0.2');
    const own = `http://127.0.0.1:${limited.port}`;
    expect((await refusalOf(connect(own, '10.0.0.3'))).status).toBe(403);
  });

  it('C4: above MAX_CONNECTIONS_PER_IP is refused with 429 and Retry-After, until one has gone', async () => {
    const headers = { 'x-forwarded-for': '10.1.0.1' };
    const first = await connectPlain(limited.wsUrl, { headers });
    await connectPlain(limited.wsUrl, { headers });
    const refusal = await refusalOf(connectPlain(limited.wsUrl, { headers }));
    expect([refusal.status, refusal.json['code']]).toEqual([429, 'rate_limited']);
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    await first.close();
    await eventually('the place to be free', () => connectPlain(limited.wsUrl, { headers }));
  });

  it('C4: an address is one client with any port and in any spelling', async () => {
    const connect = (address: string) => connectPlain(limited.wsUrl, { headers: { 'x-forwarded-for': address } });
    await connect('10.4.0.1:1001');
    await connect('::ffff:10.4.0.1');
    const refusals = ['10.4.0.1', '10.4.0.1:1002', '[::FFFF:0A04:1]:1003'].map((address) =>
      refusalOf(connect(address)),
    );
    expect((await Promise.all(refusals)).map(({ status }) => status)).toEqual([429, 429, 429]);
  });

  it('C4: with TRUST_PROXY only the address that the proxy added counts, also on a header line of its own', async () => {
    const inventing = [1, 2, 3].map((n) => rawUpgrade(limited.port, [from(`10.9.9.${n}`), from('10.2.0.1')]));
    const statuses = (await Promise.all(inventing)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([101, 101, 429]);
    expect((await rawUpgrade(limited.port, [from('10.9.9.9, 10.2.0.1')])).status).toBe(429);
    expect((await rawUpgrade(limited.port, [from('10.2.0.2')])).status).toBe(101);
  });

  it('C4: above MAX_CONNECTS_PER_SECOND is refused with 429 and Retry-After', async () => {
    const attempts = Array.from({ length: 120 }, (_, n) => rawUpgrade(limited.port, [from(`10.3.0.${n}`)]));
    const statuses = (await Promise.all(attempts)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([101, 429]));
    const refused = await limited.metric('holdfast_connect_refusals_total', { status: '429' });
    expect(refused).toBeGreaterThanOrEqual(statuses.filter((status) => status === 429).length);
  });
});

describe('other requests on the public port', () => {
  it.each([
    ['GET', '/ws/chat/', 426],
    ['GET', '/', 404],
    ['GET', '/metrics', 404],
    ['POST', '/ws/chat/', 404],
    ['DELETE', '/api/sessions/x/', 404],
  ])('%s %s is answered with %i and the JSON of H3', async (method, path, status) => {
    const answer = await fetch(gateway.url + path, { method });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ success: false, error: expect.any(String), code: expect.any(String) });
  });
});

describe('names and sessions', () => {
  it('C7: a member’s name is a short hash of its secret; without a secret it is the connection’s id', async () => {
    const secret = 'a-secret-of-the-client';
    const [named, again, unnamed] = await Promise.all([
      joinFramed(gateway, 'names', { client: secret }),
      joinFramed(gateway, 'names', { client: secret }),
      joinFramed(gateway, 'names'),
    ]);
    for (const [n, { client }] of [named, again, unnamed].entries()) {
      client.send({ type: 'send', id: `m${n}`, content: 'x' });
      await unnamed.client.frames.next({ id: `m${n}` });
    }
    const [one, two, three] = unnamed.client.frames.matching(isMessage).map((frame) => frame['sender']);
    expect(one).toBe(two);
    expect(String(one)).toMatch(/^[\w-]{6,16}$/);
    expect(three).toBe(unnamed.welcome['connectionId']);
    expect(JSON.stringify(unnamed.client.frames.all)).not.toContain(secret);
  });

  it('C5: a session is created with count 0, and loaded with its count, in the words of the original guides', async () => {
    const { client, welcome } = await joinFramed(gateway, 'counted');
    expect(welcome).toMatchObject({ seq: 0, firstSeq: 0, ttl: 3600 });
    expect(JSON.parse(await redis.cli('get', 'session:counted'))).toMatchObject({ data: { count: 0 }, ttl: 3600 });
    client.send({ type: 'send', id: 'm1', content: 'x' });
    await client.frames.next({ id: 'm1' });
    await joinPlain(gateway, 'counted');
    await gateway.log.waitFor('Session stored in Redis: counted, TTL: 3600s');
    await gateway.log.waitFor('Session loaded from Redis: counted, count: 1');
  });
});
