import { eventually, type RedisServer, startRedis, stopAll } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisSessionStore, StorageUnavailableError } from '../src/index.js';
import { filled, freshId, keptIds, message } from './messages.js';

let server: RedisServer;
let client: Redis;
let store: RedisSessionStore;

beforeAll(async () => {
  server = await startRedis({ appendOnly: true });
  client = new Redis({
    port: server.port,
    commandTimeout: 200,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => 20,
  });
  client.on('error', () => undefined);
  await eventually('the connection', () => client.status === 'ready');
  store = new RedisSessionStore(client);
});
afterAll(async () => {
  client.disconnect();
  await stopAll();
});

const everyCall = (id: string): (() => Promise<unknown>)[] => [
  () => store.open(id),
  () => store.append(id, { messages: [message('m9')] }),
  () => store.read(id, { newest: 1 }),
  () => store.leave(id),
  () => store.create(id, {}),
  () => store.get(id),
  () => store.list({ limit: 10 }),
  () => store.merge(id, { a: 1 }),
  () => store.extend(id),
  () => store.remove(id),
  () => store.put(id, {}),
];

describe('a Redis that is away', () => {
  it('D1: every call says that the store is unavailable, and works again when Redis is back', async () => {
    const id = freshId();
    await filled(store, id, 'm1');
    await server.kill();
    for (const call of everyCall(id)) await expect(call()).rejects.toThrow(StorageUnavailableError);
    await server.start();
    await eventually('the connection', () => client.status === 'ready');
    await filled(store, id, 'm2');
    expect(await keptIds(store, id)).toEqual(['m1', 'm2']);
  });

  it('A5: what a silent Redis did with an append is unknown; the retry finds it', async () => {
    const id = freshId();
    const at1 = await filled(store, id, 'm1');
    server.pause();
    const lost = store.append(id, { position: at1, messages: [message('m2')] });
    await expect(lost).rejects.toThrow(StorageUnavailableError);
    server.resume();
    await eventually('the answer', async () => (await client.ping()) === 'PONG');
    const again = await store.append(id, { position: at1, messages: [message('m2', { retry: at1 })] });
    expect(again).toMatchObject({ outcome: 'stored', messages: [{ seq: 2 }] });
    expect(await keptIds(store, id)).toEqual(['m1', 'm2']);
  });

  it('a Redis that may not write is as good as away', async () => {
    const id = freshId();
    await client.config('SET', 'min-replicas-to-write', '1');
    await expect(store.append(id, { messages: [message('m1')] })).rejects.toThrow(StorageUnavailableError);
    await client.config('SET', 'min-replicas-to-write', '0');
    expect(await store.get(id)).toBeUndefined();
  });
});
