import { type AddressInfo, createServer } from 'node:net';
import { freePort, type RedisServer, startRedis, stopAll } from '@holdfast/testkit';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  closeRedis,
  createRedis,
  createRedisPool,
  type RedisClient,
  RedisRefusedError,
  redisErrorKind,
  refusalOf,
  waitUntilReady,
} from '../src/index.js';

const TIMEOUT_MS = 300;

let server: RedisServer;
const clients: RedisClient[] = [];

function connect(
  role: 'commands' | 'subscriber' | 'bullmq',
  url = server.url,
  onError?: (error: Error) => void,
): Redis {
  const settings = { mode: 'standalone', urls: [url], timeoutMs: TIMEOUT_MS } as const;
  const client = createRedis(settings, { name: `test-${role}`, role, ...(onError === undefined ? {} : { onError }) });
  clients.push(client);
  return client as Redis;
}

/** Commands that wait inside ioredis, in any of its queues. */
function queued(client: Redis): number {
  const { commandQueue, offlineQueue } = client as unknown as Record<string, { length: number }>;
  return (commandQueue?.length ?? 0) + (offlineQueue?.length ?? 0);
}

async function kindOf(command: Promise<unknown>): Promise<string> {
  return command.then(
    () => 'answered',
    (error: unknown) => redisErrorKind(error),
  );
}

const nextEvent = (client: RedisClient, event: string) => new Promise((resolve) => client.once(event, resolve));

beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => closeRedis(client)));
  if (!server.running) await server.start();
});
afterAll(stopAll);

it.each(['commands', 'subscriber', 'bullmq'] as const)(
  'D7: a connection of role %s never becomes ready in another database than the named one',
  async (role) => {
    const refused: string[] = [];
    const settings = { mode: 'standalone', urls: [server.url.replace(/0$/, '42')], timeoutMs: TIMEOUT_MS } as const;
    const client = createRedis(settings, { name: `test-${role}`, role, onRefused: (reason) => refused.push(reason) });
    clients.push(client);
    let ready = 0;
    client.on('ready', () => {
      ready += 1;
    });
    await expect(waitUntilReady(client, 5_000)).rejects.toThrow(RedisRefusedError);
    for (let attempt = 0; attempt < 3; attempt++) await nextEvent(client, 'reconnecting');
    expect(ready).toBe(0);
    expect(refused, 'told once, however often it is tried').toEqual([refusalOf(client)]);
  },
);

describe('a pool', () => {
  it.each([1, 3])('of %i has that many connections for commands, all of one name', async (poolSize) => {
    const settings = { mode: 'standalone', urls: [server.url], timeoutMs: TIMEOUT_MS, poolSize } as const;
    const pool = createRedisPool(settings, { name: 'test-pool' });
    clients.push(...pool);
    await Promise.all(pool.map((client) => waitUntilReady(client, 2000)));
    const listed = String(await pool[0].client('LIST')).match(/ name=test-pool /g);
    expect([pool.length, listed?.length]).toEqual([poolSize, poolSize]);
    for (const { options } of pool) expect(options).toMatchObject({ enableOfflineQueue: false });
  });
});

describe('a connection for commands', () => {
  it('sends its name, and is ready within the given time', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    expect(await client.client('GETNAME')).toBe('test-commands');
    await waitUntilReady(client, 1);
  });

  it('D1: gives up neither a command nor the connection when only this process was held up', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    let closed = 0;
    client.on('close', () => {
      closed += 1;
    });
    for (let round = 0; round < 3; round++) {
      const echo = client.echo('a');
      const until = performance.now() + TIMEOUT_MS * 2;
      while (performance.now() < until);
      expect(await echo).toBe('a');
    }
    expect(closed).toBe(0);
  });

  it('comes back after Redis was killed, without sending anything again (A5)', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    // Redis is busy when it is killed: these wait for an answer that never comes.
    const busy = client.call('DEBUG', 'SLEEP', '5');
    const inFlight = [busy, client.incr('sent'), client.incr('sent')].map(kindOf);
    await server.kill();
    expect(await Promise.all(inFlight)).toEqual(['closed', 'closed', 'closed']);
    await server.start();
    await waitUntilReady(client, 5000);
    expect(await client.get('sent')).toBeNull();
    expect(await client.incr('sent')).toBe(1);
  });

  it('D2: refuses at once while Redis is away, and queues nothing', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    const closed = nextEvent(client, 'close');
    await server.kill();
    await closed;
    const outcomes = await Promise.all(Array.from({ length: 2000 }, () => kindOf(client.incr('away'))));
    // A command that had waited would have failed with `timeout`.
    expect(new Set(outcomes)).toEqual(new Set(['closed']));
    expect(queued(client)).toBe(0);
    await server.start();
    await waitUntilReady(client, 5000);
    expect(await client.get('away')).toBeNull();
  });

  it('D1: gives up on a silent Redis after the time-out, drops the connection, and sends nothing again', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    const closed = nextEvent(client, 'close');
    server.pause();
    const started = performance.now();
    const outcomes = await Promise.all([client.incr('silent'), client.incr('silent')].map(kindOf));
    const waited = performance.now() - started;
    await closed;
    // Redis is still silent. The kernel may accept a connection, but it is not used before Redis has answered on it.
    const meanwhile = await Promise.all(Array.from({ length: 500 }, () => kindOf(client.incr('silent'))));
    expect(queued(client)).toBeLessThan(10);
    server.resume();
    await waitUntilReady(client, 5000);
    expect(outcomes).toEqual(['timeout', 'timeout']);
    expect(waited).toBeLessThan(TIMEOUT_MS + 10_000);
    expect(new Set(meanwhile)).toEqual(new Set(['closed']));
    // The two commands that were on their way when Redis fell silent were carried out, once.
    expect(await client.get('silent')).toBe('2');
  });

  it('D2: pauses longer and longer between attempts to connect, up to half a second', async () => {
    const errors: number[] = [];
    const client = connect('commands', `redis://127.0.0.1:${await freePort()}`, () => errors.push(performance.now()));
    await expect(waitUntilReady(client, 1200)).rejects.toThrow(/not ready after 1200 ms: connect ECONNREFUSED/);
    expect(errors.length).toBeGreaterThan(2);
    expect(errors.length).toBeLessThan(12);
  });

  it('leaves a server that refuses writes because it became a replica', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    await server.cli('REPLICAOF', '127.0.0.1', await freePort());
    const closed = nextEvent(client, 'close');
    expect(await kindOf(client.incr('demoted'))).toBe('readonly');
    await closed;
    await server.cli('REPLICAOF', 'NO', 'ONE');
    await waitUntilReady(client, 5000);
    expect(await client.exists('demoted')).toBe(0);
  });
});

describe('a connection for subscriptions', () => {
  it('F4: leaves it to the caller to subscribe again after a reconnect', async () => {
    const client = connect('subscriber');
    await waitUntilReady(client, 2000);
    await client.subscribe('news');
    const closed = nextEvent(client, 'close');
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await closed;
    await waitUntilReady(client, 5000);
    expect(await server.cli('PUBSUB', 'CHANNELS')).toBe('');
    const message = nextEvent(client, 'message');
    await client.subscribe('news');
    await server.cli('PUBLISH', 'news', 'hello');
    expect(await message).toBe('news');
  });

  it('stays connected while nothing is published for longer than the time-out', async () => {
    const client = connect('subscriber');
    await waitUntilReady(client, 2000);
    await client.subscribe('quiet');
    const outcome = await Promise.race([
      nextEvent(client, 'close').then(() => 'closed'),
      new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS * 3, 'open')),
    ]);
    expect(outcome).toBe('open');
  });
});

describe('a connection for BullMQ', () => {
  it('blocks for longer than the time-out, and waits for the connection', async () => {
    const client = connect('bullmq');
    const popped = client.blpop('list', 5);
    await waitUntilReady(client, 2000);
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS * 2));
    await server.cli('RPUSH', 'list', 'job');
    expect(await popped).toEqual(['list', 'job']);
  });
});

describe('credentials and TLS', () => {
  it('uses user and password of the URL, and says when they are wrong', async () => {
    await server.cli('ACL', 'SETUSER', 'chat', 'on', '>p@ss/w', 'allkeys', '+@all');
    const client = connect('commands', `redis://chat:p%40ss%2Fw@127.0.0.1:${server.port}/0`);
    await waitUntilReady(client, 2000);
    expect(await client.call('ACL', 'WHOAMI')).toBe('chat');

    const wrong = await new Promise<Error>((resolve) => {
      connect('commands', `redis://chat:wrong@127.0.0.1:${server.port}/0`, resolve);
    });
    expect(redisErrorKind(wrong)).toBe('auth');
    expect(wrong.message).not.toContain('p@ss');
  });

  it('uses the database of the URL, also after a reconnect', async () => {
    const client = connect('commands', `redis://127.0.0.1:${server.port}/5`);
    await waitUntilReady(client, 2000);
    const closed = nextEvent(client, 'close');
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await closed;
    await waitUntilReady(client, 5000);
    await client.set('here', '1');
    expect(await server.cli('-n', 5, 'GET', 'here')).toBe('1');
  });

  it('speaks TLS to rediss:, naming the host it wants, and sends nothing in the clear', async () => {
    const greeting = new Promise<Buffer>((resolve) => {
      const listener = createServer((socket) => {
        socket.once('data', (data) => {
          socket.destroy();
          listener.close(() => resolve(data));
        });
      });
      listener.listen(0, '127.0.0.1', () => {
        connect('commands', `rediss://chat:s3cret@localhost:${(listener.address() as AddressInfo).port}/0`);
      });
    });
    const hello = await greeting;
    const handshakeRecord = 0x16;
    expect(hello[0]).toBe(handshakeRecord);
    expect(hello.toString('latin1')).toContain('localhost');
    expect(hello.toString('latin1')).not.toContain('s3cret');
  });
});

describe('closeRedis', () => {
  it('lets what is in flight finish', async () => {
    const client = connect('commands');
    await waitUntilReady(client, 2000);
    const answer = client.incr('last');
    await closeRedis(client);
    expect(await answer).toBe(1);
    expect(client.status).toBe('end');
    await closeRedis(client);
  });

  it('ends between two attempts to connect, and while Redis is silent', async () => {
    const lost = connect('commands', `redis://127.0.0.1:${await freePort()}`);
    await nextEvent(lost, 'reconnecting');
    await closeRedis(lost);
    const silent = connect('commands');
    await waitUntilReady(silent, 2000);
    server.pause();
    const outcome = kindOf(silent.get('x'));
    const started = performance.now();
    await closeRedis(silent, 100);
    expect(performance.now() - started).toBeLessThan(10_000);
    server.resume();
    expect(['closed', 'timeout']).toContain(await outcome);
    await expect(silent.get('x')).rejects.toThrow('Connection is closed');
  });
});
