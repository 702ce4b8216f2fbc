import {
  connectFramed,
  connectPlain,
  eventually,
  type Frame,
  type RedisServer,
  type ServiceProcess,
  startCluster,
  startProcess,
  startRedis,
  stopAll,
  type WsClient,
} from '@holdfast/testkit';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterEnv } from './chaos/redis-modes.js';
import { PATIENCE_MS } from './chaos/storage.js';

/** The processes of one deployment. */
interface Deployment {
  readonly gateway: ServiceProcess;
  readonly api: ServiceProcess;
  readonly sweeper: ServiceProcess;
}

interface Shared {
  readonly a: Deployment;
  readonly b: Deployment;
  /** Every key that both have written, by name of the deployment that the name belongs to. */
  keysOf(deployment: 'a' | 'b'): Promise<string[]>;
}

async function startDeployment(name: string, env: Record<string, string>): Promise<Deployment> {
  const start = (service: string) =>
    startProcess({ service, name: `${service} ${name}`, env: { AUDIT_INTERVAL_SECONDS: '1', ...env } });
  const [gateway, api, sweeper] = await Promise.all([start('gateway'), start('session-api'), start('sweeper')]);
  return { gateway, api, sweeper };
}

async function inTwoDatabases(): Promise<Shared> {
  const redis = await startRedis();
  const url = (database: number) => `redis://127.0.0.1:${redis.port}/${database}`;
  const [a, b] = await Promise.all([
    startDeployment('a', { CHANNEL_REDIS_URL: url(0) }),
    startDeployment('b', { CHANNEL_REDIS_URL: url(1) }),
  ]);
  return { a, b, keysOf: (deployment) => withClient(new Redis(url(deployment === 'a' ? 0 : 1)), (c) => c.keys('*')) };
}

async function withTwoPrefixes(): Promise<Shared> {
  const redis = await startRedis();
  const env = { CHANNEL_REDIS_URL: redis.url };
  const [a, b] = await Promise.all([
    startDeployment('a', { ...env, REDIS_KEY_PREFIX: 'a:' }),
    startDeployment('b', { ...env, REDIS_KEY_PREFIX: 'b:' }),
  ]);
  return { a, b, keysOf: (deployment) => withClient(new Redis(redis.url), (c) => c.keys(`${deployment}:*`)) };
}

async function onOneCluster(): Promise<Shared> {
  const cluster = await startCluster();
  const env = clusterEnv(cluster);
  const [a, b] = await Promise.all([
    startDeployment('a', { ...env, REDIS_KEY_PREFIX: 'a:' }),
    startDeployment('b', { ...env, REDIS_KEY_PREFIX: 'b:' }),
  ]);
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  return {
    a,
    b,
    keysOf: (deployment) =>
      withClient(new Cluster(nodes), async (client) => {
        // The client knows the masters once it has sent something.
        await client.exists('x');
        const keys = await Promise.all(client.nodes('master').map((node) => node.keys('*')));
        return keys.flat().filter((key) => key.startsWith(`${deployment}:`));
      }),
  };
}

async function withClient<C extends Redis | Cluster, T>(client: C, use: (client: C) => Promise<T>): Promise<T> {
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

async function call({ api }: Deployment, method: string, path: string, body?: object) {
  const json = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(`${api.url}/api/${path}`, { method, ...json });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

async function join({ gateway }: Deployment, session: string): Promise<WsClient> {
  const member = await connectFramed(gateway.wsUrl, { query: { session, redis_persistence: true } });
  await member.frames.next({ type: 'welcome' }, PATIENCE_MS);
  return member;
}

/** Says something and waits for it: whatever was published in Redis before has come by then. */
async function settled(member: WsClient, id: string): Promise<void> {
  member.send({ type: 'send', id, content: id });
  await member.frames.next({ type: 'message', id }, PATIENCE_MS);
}

const contents = (member: WsClient): unknown[] =>
  member.frames.matching({ type: 'message' }).map((f: Frame) => f['content']);

describe.each([
  ['two databases of one Redis', inTwoDatabases],
  ['two prefixes in one database', withTwoPrefixes],
  ['two prefixes on one Redis Cluster', onOneCluster],
] as const)('K7: %s', (_name, start) => {
  let shared: Shared;
  beforeAll(async () => {
    shared = await start();
  });
  afterAll(stopAll);

  it('messages, signals and unstored messages of one session id do not cross', async () => {
    const [ann, bob] = await Promise.all([join(shared.a, 's'), join(shared.b, 's')]);
    const query = { session: 's', redis_persistence: false };
    const [passing] = await Promise.all([connectPlain(shared.a.gateway.wsUrl, { query })]);
    passing.sendRaw('not stored');
    await ann.frames.next({ content: 'not stored' }, PATIENCE_MS);
    ann.send({ type: 'signal', name: 'typing' });
    await settled(ann, 'by-ann');
    await settled(bob, 'by-bob');
    expect(contents(ann)).toEqual(['not stored', 'by-ann']);
    expect(contents(bob)).toEqual(['by-bob']);
    expect(bob.frames.matching({ type: 'signal' })).toEqual([]);
    for (const [deployment, content] of [
      [shared.a, 'by-ann'],
      [shared.b, 'by-bob'],
    ] as const) {
      const { body } = await call(deployment, 'GET', 'sessions/s/messages/?view=log');
      expect(body['messages']).toEqual([expect.objectContaining({ seq: 1, content })]);
      expect((await call(deployment, 'GET', 'sessions/')).body['sessions']).toHaveLength(1);
    }
  });

  it('a broadcast is heard by the gateway of its own deployment', async () => {
    const [ann, bob] = await Promise.all([join(shared.a, 'told'), join(shared.b, 'told')]);
    expect((await call(shared.a, 'POST', 'broadcast/', { message: 'to a' })).body).toMatchObject({ gateways: 1 });
    await ann.frames.next({ type: 'broadcast' }, PATIENCE_MS);
    expect((await call(shared.b, 'POST', 'broadcast/', { message: 'to b' })).body).toMatchObject({ gateways: 1 });
    await bob.frames.next({ type: 'broadcast' }, PATIENCE_MS);
    const heard = (member: WsClient) => member.frames.matching({ type: 'broadcast' }).map((frame) => frame['message']);
    expect([heard(ann), heard(bob)]).toEqual([['to a'], ['to b']]);
  });

  it('extending, and deleting, changes nothing of the other one', async () => {
    const [ann, bob] = await Promise.all([join(shared.a, 'd'), join(shared.b, 'd')]);
    await settled(ann, 'kept');
    await settled(bob, 'gone');
    expect((await call(shared.b, 'POST', 'sessions/d/extend/', { ttl: 77 })).status).toBe(200);
    expect(await bob.frames.next({ type: 'session' }, PATIENCE_MS)).toMatchObject({ event: 'extended', ttl: 77 });
    expect((await call(shared.b, 'DELETE', 'sessions/d/')).status).toBe(200);
    expect((await bob.closed).code).toBe(4404);
    await settled(ann, 'after');
    expect(ann.frames.matching({ type: 'session' })).toEqual([]);
    expect((await call(shared.a, 'GET', 'sessions/d/')).body).toMatchObject({
      data: { data: { count: 2 }, ttl: 3600 },
    });
    expect((await call(shared.b, 'GET', 'sessions/d/')).status).toBe(404);
    // What was deleted there is deleted here as well, and only what was deleted here.
    expect((await call(shared.b, 'DELETE', 'sessions/d/')).status).toBe(404);
    expect((await call(shared.a, 'DELETE', 'sessions/d/')).status).toBe(200);
  });

  it('W1, W4: each is audited by its own sweeper', async () => {
    for (const deployment of [shared.a, shared.b]) {
      await deployment.sweeper.log.waitFor('Audit expiry finished', { timeoutMs: PATIENCE_MS });
    }
    for (const deployment of ['a', 'b'] as const) {
      const keys = await shared.keysOf(deployment);
      expect(keys.filter((key) => key.endsWith('holdfast:audit'))).toHaveLength(1);
      expect(keys.filter((key) => key.includes('{bull}:'))).not.toEqual([]);
    }
  });
});

describe('F8: somebody who may only publish', () => {
  let redis: RedisServer;
  let deployment: Deployment;
  let intruder: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    deployment = await startDeployment('a', { CHANNEL_REDIS_URL: redis.url });
    await redis.cli('acl', 'setuser', 'intruder', 'on', 'nopass', 'resetkeys', '&*', '-@all', '+publish');
    intruder = new Redis({ port: redis.port, username: 'intruder', password: 'any', enableReadyCheck: false });
  });
  afterAll(async () => {
    intruder.disconnect();
    await stopAll();
  });

  const ignored = (kind: string) => deployment.gateway.metric('holdfast_unconfirmed_total', { kind });

  it('deletes, extends, forks and forges nothing, and is counted', async () => {
    const ann = await join(deployment, 's');
    await settled(ann, 'before');
    const forged = ['', '0', 'zzzz'].map((epoch) => ['deleted', `s\n{"event":"deleted","epoch":"${epoch}"}`] as const);
    const all = [
      ...forged,
      ['extended', 's\n{"event":"extended","ttl":5}'],
      ['epoch', 's\n{"event":"epoch","epoch":"zzzz"}'],
      ['message', 'm 0 2 \nkey\n{"type":"message","seq":2,"id":"x","content":"forged","sender":"x","timestamp":1}'],
      ['unreadable', 'scribble'],
    ] as const;
    for (const [, payload] of all) expect(await intruder.publish('{session:s}:live', payload)).toBe(1);
    await eventually('all of it to be counted', async () => {
      const counts = await Promise.all(all.map(([kind]) => ignored(kind)));
      return JSON.stringify(counts) === JSON.stringify([3, 3, 3, 1, 1, 1, 1]);
    });
    await intruder.publish('holdfast:broadcast', '{"id":"b","title":"","message":"x","level":"error","timestamp":1}');
    await eventually('the broadcast to be counted', async () => (await ignored('broadcast')) === 1);
    await settled(ann, 'after');
    expect(contents(ann)).toEqual(['before', 'after']);
    expect(ann.frames.matching({ type: 'session' })).toEqual([]);
    expect(ann.frames.matching({ type: 'broadcast' })).toEqual([]);
    expect((await call(deployment, 'GET', 'sessions/s/')).body).toMatchObject({
      data: { data: { count: 2 }, ttl: 3600 },
    });
    expect(await intruder.del('session:s').catch((error: Error) => error.message)).toMatch(/^NOPERM/);
  });

  it('K8: nor does a member, the API or an audit touch the key of another program', async () => {
    await redis.cli('set', 'session:django', '{"_auth_user_id":"7"}');
    const member = await connectFramed(deployment.gateway.wsUrl, {
      query: { session: 'django', redis_persistence: true },
    });
    expect((await member.closed).code).toBe(4403);
    expect((await call(deployment, 'DELETE', 'sessions/django/')).status).toBe(404);
    expect((await call(deployment, 'GET', 'sessions/django/')).status).toBe(409);
    expect((await call(deployment, 'POST', 'sessions/django/messages/', { content: 'x' })).status).toBe(409);
    await deployment.sweeper.log.waitFor('Audit expiry finished', { timeoutMs: PATIENCE_MS });
    expect(await redis.cli('get', 'session:django')).toBe('{"_auth_user_id":"7"}');
    expect(await redis.cli('keys', '*django*')).toBe('session:django');
    expect(await redis.cli('ttl', 'session:django')).toBe('-1');
  });
});
