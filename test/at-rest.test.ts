import {
  connectFramed,
  connectPlain,
  eventually,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
  type WsClient,
} from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATIENCE_MS } from './chaos/storage.js';

/*
 * E1: what Redis and its channels hold while contents are encrypted, with real processes.
 */

const keyOf = (letter: string) => Buffer.alloc(32, letter).toString('base64');
const KEYS = `k1:${keyOf('a')}`;
/** Stands in everything that nobody may find. */
const PLANTED = 'planted';

let redis: RedisServer;
let gateways: ServiceProcess[];
let api: ServiceProcess;
let wiretap: Redis;
const heard: string[] = [];

beforeAll(async () => {
  redis = await startRedis({ args: ['--rdbcompression', 'no'] });
  const env = { CHANNEL_REDIS_URL: redis.url, SESSION_ENCRYPTION_KEYS: KEYS, REDIS_TIMEOUT_MS: '2000' };
  const [one, two, http] = await Promise.all([
    startProcess({ service: 'gateway', name: 'gateway 1', env }),
    startProcess({ service: 'gateway', name: 'gateway 2', env }),
    startProcess({ service: 'session-api', env }),
  ]);
  gateways = [one, two];
  api = http;
  wiretap = new Redis(redis.url);
  wiretap.on('pmessage', (_pattern, channel, payload) => heard.push(`${channel} ${payload}`));
  wiretap.on('error', () => undefined);
  await wiretap.psubscribe('*');
});
afterAll(async () => {
  wiretap.disconnect();
  await stopAll();
});

async function call(method: string, path: string, body?: object) {
  const json = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(`${api.url}/api/${path}`, { method, ...json });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

function join(gateway: ServiceProcess | undefined, session: string, query: object = {}): Promise<WsClient> {
  return connectFramed(gateway?.wsUrl ?? '', { query: { session, redis_persistence: true, ...query } });
}

/** Everything that Redis has, as one text. Nothing in it is compressed. */
async function dump(): Promise<string> {
  const client = new Redis(redis.url);
  const keys = await client.keys('*');
  const dumps = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
  client.disconnect();
  return keys.map((key, at) => `${key} ${dumps[at]?.toString('latin1')}`).join('\n');
}

const contentsOf = (client: WsClient) => client.frames.matching({ type: 'message' }).map((frame) => frame['content']);

describe('E1: with encryption, Redis and its channels hold no content', () => {
  it('of framed, plain and HTTP senders, of signals, broadcasts and custom data, over resume, outage and heal', async () => {
    const [one, two] = gateways;
    const custom = { secret: `${PLANTED} custom` };
    expect((await call('POST', 'sessions/', { session_id: 's', data: custom })).status).toBe(201);
    const ann = await join(one, 's', { presence: true });
    const bob = await join(two, 's', { presence: true });
    const welcome = await ann.frames.next({ type: 'welcome' }, PATIENCE_MS);
    const plain = await connectPlain(two?.wsUrl ?? '', { query: { session: 's', redis_persistence: true } });
    const passing = await connectPlain(one?.wsUrl ?? '', { query: { session: 's', redis_persistence: false } });
    const told = async (what: string) => {
      await Promise.all([ann, bob].map((member) => member.frames.next({ content: `${PLANTED} ${what}` }, PATIENCE_MS)));
    };
    ann.send({ type: 'send', id: 'a1', content: `${PLANTED} framed` });
    await told('framed');
    plain.sendRaw(`${PLANTED} plain`);
    await told('plain');
    passing.sendRaw(`${PLANTED} unstored`);
    await told('unstored');
    expect((await call('POST', 'sessions/s/messages/', { content: `${PLANTED} http` })).status).toBe(200);
    await told('http');
    ann.send({ type: 'signal', name: 'typing', data: `${PLANTED} signal` });
    await bob.frames.next({ type: 'signal' }, PATIENCE_MS);
    expect((await call('PATCH', 'sessions/s/', { data: { more: [`${PLANTED} patch`] } })).status).toBe(200);
    expect((await call('POST', 'broadcast/', { message: `${PLANTED} broadcast` })).status).toBe(200);
    await bob.frames.next({ type: 'broadcast' }, PATIENCE_MS);
    expect(await dump()).not.toContain(PLANTED);

    // Redis comes back empty: the gateways put everything back, and what was said meanwhile.
    await redis.kill();
    await Promise.all(
      gateways.map((gateway) => gateway.log.waitFor('chat goes on in memory', { timeoutMs: PATIENCE_MS })),
    );
    ann.send({ type: 'send', id: 'a2', content: `${PLANTED} outage` });
    await redis.start();
    await told('outage');
    await wiretap.psubscribe('*');
    ann.send({ type: 'send', id: 'a3', content: `${PLANTED} after` });
    await told('after');
    const resumed = await join(two, 's', { epoch: String(welcome['epoch']), last_seq: 0 });
    await resumed.frames.next({ content: `${PLANTED} after` }, PATIENCE_MS);
    const { body } = await call('GET', 'sessions/s/messages/?view=log');
    const stored = ['framed', 'plain', 'http', 'outage', 'after'].map((what) => `${PLANTED} ${what}`);
    expect((body['messages'] as { content: string }[]).map(({ content }) => content)).toEqual(stored);
    expect((await call('GET', 'sessions/s/')).body).toMatchObject({
      data: { data: { ...custom, count: 5 } },
    });
    const all = await dump();
    expect(all).toContain('{session:s}:log');
    expect(all).not.toContain(PLANTED);
    expect(heard.length).toBeGreaterThan(6);
    expect(heard.filter((line) => line.includes(PLANTED))).toEqual([]);
    expect(contentsOf(bob)).toContain(`${PLANTED} plain`);
  });

  it('a process without the key says so to framed members and readers of the API, counts it, and the chat goes on', async () => {
    await call('POST', 'sessions/', { session_id: 'k', data: { secret: PLANTED } });
    expect((await call('POST', 'sessions/k/messages/', { content: `${PLANTED} k`, id: 'k1' })).status).toBe(200);
    const env = { CHANNEL_REDIS_URL: redis.url, SESSION_ENCRYPTION_KEYS: `other:${keyOf('b')}` };
    const [stranger, strangeApi] = await Promise.all([
      startProcess({ service: 'gateway', name: 'gateway with another key', env }),
      startProcess({ service: 'session-api', name: 'session-api with another key', env }),
    ]);
    const first = await join(stranger, 'k');
    const { epoch } = await first.frames.next({ type: 'welcome' }, PATIENCE_MS);
    const member = await join(stranger, 'k', { epoch: String(epoch), last_seq: 0 });
    const plain = await connectPlain(stranger.wsUrl, { query: { session: 'k', redis_persistence: true } });
    expect(await member.frames.next({ type: 'message', id: 'k1' }, PATIENCE_MS)).toMatchObject({
      content: '',
      error: 'key_missing',
    });
    const lines = async (url: string, path: string) => {
      return ((await (await fetch(`${url}/api/${path}`)).json()) as { messages: object[] }).messages;
    };
    expect(await lines(strangeApi.url, 'sessions/k/messages/?view=log')).toEqual([
      {
        type: 'message',
        seq: 1,
        id: 'k1',
        content: '',
        error: 'key_missing',
        sender: 'server',
        timestamp: expect.any(Number),
      },
    ]);
    expect(await (await fetch(`${strangeApi.url}/api/sessions/k/`)).json()).toMatchObject({
      data: { data: { count: 1 }, data_error: 'unreadable' },
    });
    // What comes after it is delivered, live and from the log.
    expect((await call('POST', 'sessions/k/messages/', { content: `${PLANTED} live`, id: 'k2' })).status).toBe(200);
    expect(await member.frames.next({ type: 'message', id: 'k2' }, PATIENCE_MS)).toMatchObject({
      seq: 2,
      content: '',
      error: 'key_missing',
    });
    member.send({ type: 'send', id: 'k3', content: 'goes on' });
    expect(await member.frames.next({ type: 'message', id: 'k3' }, PATIENCE_MS)).toMatchObject({ content: 'goes on' });
    await eventually('the plain member to get it', () => plain.frames.matching({ echo: 'goes on' }).length === 1);
    expect(await stranger.metric('holdfast_unreadable_total', { reason: 'key_missing' })).toBeGreaterThan(1);
    expect(await strangeApi.metric('holdfast_unreadable_total', { reason: 'key_missing' })).toBeGreaterThan(1);
  });
});
