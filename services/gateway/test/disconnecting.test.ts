import { signToken } from '@holdfast/auth';
import {
  connectFramed,
  connectPlain,
  type FaultProxy,
  type RedisServer,
  type ServiceProcess,
  startFaultProxy,
  startProcess,
  startRedis,
  stopAll,
  type WsClient,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMessage, refusalOf, startGatewayProcess } from './support/gateway-process.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
/** What U13 promises. Milliseconds. */
const EVERYWHERE_MS = 2_000;

let redis: RedisServer;
/** Between the second gateway and Redis. */
let link: FaultProxy;
let one: ServiceProcess;
let two: ServiceProcess;
let api: ServiceProcess;

beforeAll(async () => {
  redis = await startRedis();
  link = await startFaultProxy(redis);
  const env = { AUTH_JWT_SECRET: SECRET, REDIS_TIMEOUT_MS: '1000' };
  [one, two, api] = await Promise.all([
    startGatewayProcess(redis.url, env, 'gateway 1'),
    startGatewayProcess(`redis://127.0.0.1:${link.port}/0`, env, 'gateway 2'),
    startProcess({ service: 'session-api', env: { CHANNEL_REDIS_URL: redis.url, ...env } }),
  ]);
});
afterAll(stopAll);

const tokenOf = (sub: string, more: { scope?: string; atMs?: number } = {}): Promise<string> => {
  const { scope = 'read write', atMs = Date.now() } = more;
  return signToken(SECRET, { sub, sessions: ['*'], scope, ttl: 600 }, atMs);
};

async function post(path: string, body: object = {}) {
  const answer = await fetch(`${api.url}/api/${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${await tokenOf('root', { scope: 'admin' })}`,
    },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

async function join(at: ServiceProcess, session: string, token: string): Promise<WsClient> {
  const client = await connectFramed(at.wsUrl, { query: { session, redis_persistence: true, token } });
  await client.frames.next({ type: 'welcome' });
  return client;
}

/** How its connection ends, and how long that takes from now on. */
async function endOf(client: WsClient) {
  const sinceMs = performance.now();
  const { code } = await client.closed;
  return { code, isInTime: performance.now() - sinceMs < EVERYWHERE_MS };
}

const ENDED = { code: 4401, isInTime: true };

async function stays(client: WsClient): Promise<void> {
  client.send({ type: 'send', id: 'still', content: 'here' });
  expect(await client.frames.next(isMessage)).toMatchObject({ id: 'still' });
  await client.close();
}

describe('an order of an operator, with two gateways', () => {
  it('U11: ends every connection of a user with 4401, and a token that counts opens one again', async () => {
    const token = await tokenOf('bob');
    const [here, there, other] = [
      await join(one, 'a', token),
      await join(two, 'b', token),
      await join(two, 'b', await tokenOf('ann')),
    ];
    const ended = [here, there].map(endOf);
    expect((await post('users/bob/disconnect/')).json).toEqual({ success: true, sub: 'bob', gateways: 2 });
    expect(await Promise.all(ended)).toEqual([ENDED, ENDED]);
    await stays(other);
    await stays(await join(two, 'b', token));
  });

  it('U11: ends every connection of a session with 4401', async () => {
    const token = await tokenOf('bob');
    const [here, other] = [await join(one, 'c', token), await join(one, 'd', token)];
    const plain = await connectPlain(two.wsUrl, { query: { session: 'c', token } });
    const ended = [here, plain].map(endOf);
    expect((await post('sessions/c/disconnect/')).json).toEqual({ success: true, session_id: 'c', gateways: 2 });
    expect(await Promise.all(ended)).toEqual([ENDED, ENDED]);
    await stays(other);
  });

  it('U12: ends connections of tokens that are revoked, and refuses those with 401, at gateways and at the API', async () => {
    const [old, young] = [await tokenOf('cem', { atMs: Date.now() - 5_000 }), await tokenOf('cem')];
    const [here, there, kept] = [await join(one, 'e', old), await join(two, 'e', old), await join(two, 'e', young)];
    const ended = [here, there].map(endOf);
    const before = Math.floor(Date.now() / 1000) - 2;
    const answer = await post('users/cem/disconnect/', { revoke_before: before });
    expect(answer.json).toEqual({ success: true, sub: 'cem', revoke_before: before, gateways: 2 });
    expect(await Promise.all(ended)).toEqual([ENDED, ENDED]);
    for (const gateway of [one, two]) {
      const refused = await refusalOf(connectFramed(gateway.wsUrl, { query: { session: 'e', token: old } }));
      expect([refused.status, refused.json['error']]).toEqual([401, 'the token has been revoked']);
    }
    const read = (token: string) =>
      fetch(`${api.url}/api/sessions/e/`, { headers: { authorization: `Bearer ${token}` } }).then(
        ({ status }) => status,
      );
    expect([await read(old), await read(young)]).toEqual([401, 200]);
    await stays(kept);
  });

  it('U13: reaches a gateway that was cut off from Redis as soon as it is back, also from an empty Redis', async () => {
    const [old, other] = [await tokenOf('dan', { atMs: Date.now() - 5_000 }), await tokenOf('eve')];
    const [revoked, disconnected, kept] = [
      await join(two, 'f', old),
      await join(two, 'g', other),
      await join(two, 'f', other),
    ];
    link.refuse();
    link.cut();
    expect((await post('users/dan/disconnect/', { revoke_before: 'now' })).json).toMatchObject({ gateways: 1 });
    expect((await post('sessions/g/disconnect/')).json).toMatchObject({ gateways: 1 });
    const isClosed = await Promise.race([revoked.closed, disconnected.closed, kept.frames.next({ type: 'status' })]);
    expect(isClosed).toMatchObject({ type: 'status', storage: 'memory' });
    // The first gateway knows what Redis loses here.
    await redis.cli('flushall');
    await redis.cli('client', 'kill', 'type', 'pubsub');
    const ended = [revoked, disconnected].map(({ closed }) => closed.then(({ code }) => code));
    link.heal();
    expect(await Promise.all(ended)).toEqual([4401, 4401]);
    expect((await refusalOf(connectFramed(two.wsUrl, { query: { session: 'f', token: old } }))).status).toBe(401);
    await kept.close();
  });
});
