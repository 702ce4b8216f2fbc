import { eventually, freePort, type RedisCluster, type RedisServer, startCluster, stopAll } from '@holdfast/testkit';
import { Cluster, type Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeRedis, connectSubscriber, createRedis, redisErrorKind, waitUntilReady } from '../src/index.js';

const TIMEOUT_MS = 1000;

let cluster: RedisCluster;
const clients: (Cluster | Redis)[] = [];
const settings = () => ({ mode: 'cluster', urls: cluster.urls.slice(0, 2), timeoutMs: TIMEOUT_MS }) as const;

async function connect(): Promise<Cluster> {
  const client = createRedis(settings(), { name: 'test', role: 'commands' });
  if (!(client instanceof Cluster)) throw new Error('not a cluster');
  clients.push(client);
  await waitUntilReady(client, 5000);
  return client;
}

/** A key of one shard, the node that holds it, and a key of another shard. */
async function twoShards(): Promise<{ key: string; owner: RedisServer; elsewhere: string }> {
  const key = '{session:one}:n';
  const owner = await cluster.ownerOf(key);
  for (let i = 0; ; i += 1) {
    const elsewhere = `{session:${i}}:n`;
    if ((await cluster.ownerOf(elsewhere)) !== owner) return { key, owner, elsewhere };
  }
}

const kindOf = (command: Promise<unknown>) => command.then(() => 'answered', redisErrorKind);

beforeAll(async () => {
  cluster = await startCluster();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => closeRedis(client)));
});
afterAll(stopAll);

describe('a connection to a cluster', () => {
  it('A5, D6: sends nothing again when a shard dies, serves the others meanwhile, and finds the shard again', async () => {
    const client = await connect();
    const { key, owner, elsewhere } = await twoShards();
    expect(await client.incr(elsewhere)).toBe(1);
    expect(await client.incr(key)).toBe(1);
    await client.del(key);

    owner.pause();
    const inFlight = [client.incr(key), client.incr(key)].map(kindOf);
    await owner.kill();
    for (const outcome of await Promise.all(inFlight)) expect(['closed', 'unreachable', 'timeout']).toContain(outcome);

    const started = performance.now();
    for (let i = 0; i < 50; i += 1) {
      expect(await client.incr(elsewhere)).toBe(i + 2);
      expect(await kindOf(client.incr(key))).not.toBe('answered');
    }
    expect(performance.now() - started).toBeLessThan(50 * TIMEOUT_MS);

    await owner.start();
    await cluster.whole();
    await eventually('the shard to answer', async () => (await kindOf(client.get(key))) === 'answered');
    expect(await client.get(key)).toBeNull();
  });

  it('D6: gives up on a silent shard after the time-out, and not on the others', async () => {
    const client = await connect();
    const { key, owner, elsewhere } = await twoShards();
    await client.set(key, 0);
    owner.pause();
    const silent = kindOf(client.incr(key));
    expect(await Promise.race([silent, kindOf(client.incr(elsewhere))])).toBe('answered');
    expect(await silent).toBe('timeout');
    owner.resume();
    await cluster.whole();
    await eventually('the shard to answer', async () => (await kindOf(client.get(key))) === 'answered');
    expect(Number(await client.get(key))).toBeLessThanOrEqual(1);
  });

  it('answers commands of every shard at once as soon as it is ready', async () => {
    const client = await connect();
    const keys = Array.from({ length: 60 }, (_, n) => `{session:${n}}:burst`);
    expect(await Promise.all(keys.map((key) => client.incr(key)))).toEqual(keys.map(() => 1));
  });

  it('K3: a connection to the node of a session receives what is published in its shard', async () => {
    const publisher = await connect();
    const { subscriber } = connectSubscriber(settings(), publisher, { name: 'live' });
    if (typeof subscriber !== 'function') throw new Error('not a cluster');
    const { key, owner } = await twoShards();
    const node = subscriber({ host: '127.0.0.1', port: owner.port });
    clients.push(node);
    await waitUntilReady(node, 5000);
    const heard = new Promise<string>((resolve) => {
      node.on('smessage', (channel: string, message: string) => resolve(`${channel} ${message}`));
    });
    await node.ssubscribe(key);
    expect(await publisher.spublish(key, 'a')).toBe(1);
    expect(await heard).toBe(`${key} a`);
  });

  it('says why it is not ready, and can be closed, while no node can be reached', async () => {
    const nobody = { ...settings(), urls: [`redis://127.0.0.1:${await freePort()}`] };
    const errors: Error[] = [];
    const client = createRedis(nobody, { name: 'test', role: 'commands', onError: (error) => errors.push(error) });
    expect(await kindOf(client.incr('x'))).toBe('closed');
    await expect(waitUntilReady(client, 1000)).rejects.toThrow(/not ready after 1000 ms: (?!no answer)/);
    await closeRedis(client, 100);
    const seen = errors.length;
    for (const error of errors) expect(['unreachable', 'closed']).toContain(redisErrorKind(error));
    expect(seen).toBeLessThan(30);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(errors.length).toBe(seen);
  });
});
