import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { freePort, type RedisServer, registerCleanup, startCluster, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeRedis, createRedis, PipelinedScript, type RedisClient, refusalOf, waitUntilReady } from '../src/index.js';

const SECRET = 'S3CR3T';

/** Renames away a command without which the product does not work. */
const WITHOUT_PUBLISH = ['--rename-command', 'PUBLISH', ''];

let server: RedisServer;
/** Does not know PUBLISH. */
let narrow: RedisServer;

beforeAll(async () => {
  [server, narrow] = await Promise.all([startRedis(), startRedis({ args: WITHOUT_PUBLISH })]);
});
afterAll(stopAll);

const ROLES = ['commands', 'subscriber', 'bullmq'] as const;

function connect(
  url: string,
  role: (typeof ROLES)[number] = 'commands',
  onError?: (error: Error) => void,
): RedisClient {
  const settings = { mode: 'standalone', urls: [url], timeoutMs: 5_000 } as const;
  const client = createRedis(settings, { name: 'test', role, ...(onError === undefined ? {} : { onError }) });
  registerCleanup('connection', () => closeRedis(client));
  return client;
}

/** Everything that somebody who has the error could print of it. */
async function shownBy(failing: Promise<unknown>): Promise<string> {
  const error: unknown = await failing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  const { message, stack } = error as Error;
  return [message, stack, inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error)].join('\n');
}

describe('an error of Redis', () => {
  it.each(ROLES)('N1: of role %s carries no argument of the command that failed', async (role) => {
    await server.cli(
      'acl',
      'setuser',
      'app',
      'on',
      '>pw',
      '~*',
      '&*',
      '+@all',
      '-set',
      '-eval',
      '-evalsha',
      '-publish',
    );
    const client = connect(server.url.replace('redis://', 'redis://app:pw@'), role);
    await waitUntilReady(client, 5_000);
    const failing = [
      client.set('key', SECRET),
      client.publish('channel', SECRET),
      client.eval('return 1', 1, 'key', SECRET),
      client.evalsha('0'.repeat(40), 1, 'key', SECRET),
      client.call('HSET', 'key', SECRET),
    ];
    for (const each of failing) expect(await shownBy(each)).not.toContain(SECRET);
  });

  it('N1: does not repeat them in its text either, where the server does not know the command', async () => {
    const client = connect(narrow.url);
    await waitUntilReady(client, 5_000);
    const shown = await shownBy(client.publish('channel', SECRET));
    expect(shown).toContain('unknown command');
    expect(shown).not.toContain(SECRET);
    expect(await narrow.cli('publish', 'channel', SECRET).catch(String), 'what the server says').toContain(SECRET);
  });

  it('N1: says nothing of a pipelined script, of a pipeline and of a transaction', async () => {
    const client = connect(narrow.url);
    await waitUntilReady(client, 5_000);
    const script = PipelinedScript.over(client, '0'.repeat(40), 1);
    expect(await shownBy(script?.call(['key', SECRET]) ?? Promise.resolve())).not.toContain(SECRET);
    const outcomes = await client
      .pipeline()
      .publish('channel', SECRET)
      .lpush('list', SECRET)
      .hset('list', 'a', SECRET)
      .exec();
    for (const [error] of outcomes ?? []) {
      if (error) expect(await shownBy(Promise.reject(error))).not.toContain(SECRET);
    }
    expect(outcomes?.filter(([error]) => error)).toHaveLength(2);
    expect(await shownBy(client.multi().publish('channel', SECRET).exec())).not.toContain(SECRET);
  });

  it('N1: of a cluster carries none', async () => {
    const cluster = await startCluster();
    for (const node of cluster.nodes) await node.cli('acl', 'setuser', 'default', '-spublish', '-evalsha');
    const settings = { mode: 'cluster', urls: cluster.urls, timeoutMs: 5_000 } as const;
    const client = createRedis(settings, { name: 'test', role: 'commands' });
    registerCleanup('connection', () => closeRedis(client));
    await waitUntilReady(client, 5_000);
    expect(await shownBy(client.call('spublish', 'channel', SECRET))).not.toContain(SECRET);
    expect(await shownBy(client.evalsha('0'.repeat(40), 1, 'key', SECRET))).not.toContain(SECRET);
  });

  it('N1: does not tell the password to a server that knows no AUTH', async () => {
    const deaf = await startRedis({ args: ['--rename-command', 'AUTH', '', '--rename-command', 'HELLO', ''] });
    const seen: unknown[] = [];
    const client = connect(deaf.url.replace('redis://', `redis://:${SECRET}@`), 'commands', (error) =>
      seen.push(error),
    );
    const shown = await shownBy(waitUntilReady(client, 5_000));
    expect(refusalOf(client)).toMatch(/Redis refuses (AUTH|HELLO)/);
    expect([shown, refusalOf(client), inspect(seen, { depth: 10 })].join('\n')).not.toContain(SECRET);
    expect(seen.length).toBeGreaterThan(0);
  });

  it('N1: says nothing of a reply that nobody has asked for', async () => {
    const port = await freePort();
    const stranger = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write(`+OK\r\n+OK\r\n+OK\r\n$6\r\n${SECRET}\r\n$6\r\n${SECRET}\r\n`));
    }).listen(port, '127.0.0.1');
    registerCleanup('stranger', async () => void stranger.close());
    const seen: unknown[] = [];
    const first = new Promise<void>((resolve) => {
      connect(`redis://127.0.0.1:${port}`, 'commands', (error) => {
        seen.push(error);
        if (error.message.includes('Last reply')) resolve();
      });
    });
    await first;
    expect(inspect(seen, { depth: 10 })).not.toContain(SECRET);
  });
});
