import { createHash } from 'node:crypto';
import { eventually, type RedisServer, startRedis, stopAll } from '@holdfast/testkit';
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeArguments, PipelinedScript, plainArguments } from '../src/index.js';

const TIMEOUT_MS = 300;

/** Appends its argument to a list, and returns it with the key. It refuses `fail`; for `count` it returns the length. */
const SCRIPT = `
  if ARGV[1] == 'fail' then return redis.error_reply('REFUSED ' .. ARGV[2]) end
  if ARGV[1] == 'count' then return tostring(redis.call('LLEN', KEYS[1])) end
  redis.call('RPUSH', KEYS[1], ARGV[1])
  return KEYS[1] .. ':' .. ARGV[1]
`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

let server: RedisServer;
let client: Redis;
let script: PipelinedScript;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(stopAll);

beforeEach(async () => {
  client = connect();
  await eventually('the connection', () => client.status === 'ready', { everyMs: 2 });
  await client.flushall();
  await client.script('LOAD', SCRIPT);
  script = scriptOver(client);
});
afterEach(() => {
  server.resume();
  client.disconnect();
});

function connect({ queueing = false } = {}): Redis {
  const redis = new Redis({
    port: server.port,
    commandTimeout: TIMEOUT_MS,
    enableOfflineQueue: queueing,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => 20,
  });
  redis.on('error', () => undefined);
  return redis;
}

function scriptOver(redis: Redis, sha = SHA): PipelinedScript {
  const over = PipelinedScript.over(redis, sha, 1);
  if (!over) throw new Error('no script over one connection');
  return over;
}

const note = (text: string | number): Promise<string> => script.call(['notes', text]);
const notes = (): Promise<string[]> => client.lrange('notes', 0, -1);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** How a call failed, and what the error shows of it. */
async function failureOf(call: Promise<unknown>): Promise<{ message: string; shown: string }> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('the call did not fail');
  return { message: error.message, shown: JSON.stringify(error) };
}

describe('calls of a script', () => {
  it('A2: take effect in their order, and each gets its own reply', async () => {
    const replies = await Promise.all(numbers(200).map(note));
    expect(replies).toEqual(numbers(200).map((n) => `notes:${n}`));
    expect(await notes()).toEqual(numbers(200).map(String));
  });

  it('A2: of one turn of the event loop are one write', async () => {
    const write = vi.spyOn(client.stream, 'write');
    const first = numbers(50).map(note);
    await Promise.all(first);
    expect(write).toHaveBeenCalledTimes(1);
    await Promise.all(numbers(3).map(note));
    expect(write).toHaveBeenCalledTimes(2);
  });

  it('carry any text, byte for byte', async () => {
    const texts = ['', ' ', '\r\n', '$3\r\nfoo\r\n', 'é世界🌍', '\u0000', 'x'.repeat(100_000), '"'];
    expect(await Promise.all(texts.map(note))).toEqual(texts.map((text) => `notes:${text}`));
    expect(await notes()).toEqual(texts);
  });

  it('carry arguments that were encoded once like all others', async () => {
    const known = encodeArguments('notes', 'é\r\n世');
    expect(await Promise.all([script.call([known]), script.call([known]), note(1)])).toEqual([
      'notes:é\r\n世',
      'notes:é\r\n世',
      'notes:1',
    ]);
    expect(plainArguments([known, 'a', 7])).toEqual(['notes', 'é\r\n世', 'a', 7]);
  });

  it('get the right replies between other commands of the connection', async () => {
    const answers = [client.echo('a'), note(1), client.echo('b'), note(2), client.get('nothing'), note(3)];
    expect(await Promise.all(answers)).toEqual(['a', 'notes:1', 'b', 'notes:2', null, 'notes:3']);
  });

  it('fail one by one, with the words of Redis, and show nothing of their arguments', async () => {
    const calls = [note(1), script.call(['notes', 'fail', 'because']), note(2)] as const;
    const failure = await failureOf(calls[1]);
    expect(failure.message).toContain('REFUSED because');
    expect(failure.shown).not.toContain('because');
    expect(await Promise.all([calls[0], calls[2]])).toEqual(['notes:1', 'notes:2']);
  });

  it('of a script that the server does not have fail with NOSCRIPT', async () => {
    const unknown = scriptOver(client, 'f'.repeat(40));
    await expect(unknown.call(['notes', 1])).rejects.toThrow(/^NOSCRIPT/);
    expect(await note(1)).toBe('notes:1');
  });
});

describe('a call that nobody answers', () => {
  it('D1: is given up when its own time is over', async () => {
    server.pause();
    const begunMs = performance.now();
    const first = failureOf(note(1)).then(({ message }) => ({ message, afterMs: performance.now() - begunMs }));
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS / 2));
    const laterMs = performance.now();
    const second = failureOf(note(2)).then(({ message }) => ({ message, afterMs: performance.now() - laterMs }));
    for (const { message, afterMs } of await Promise.all([first, second])) {
      expect(message).toBe('Command timed out');
      // A timer may be due a millisecond early.
      expect(afterMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 2);
    }
  });

  it('A5: has its late reply dropped, and the calls after it get their own', async () => {
    server.pause();
    const lost = numbers(3).map((n) => failureOf(note(n)));
    expect((await Promise.all(lost)).map(({ message }) => message)).toEqual(Array(3).fill('Command timed out'));
    server.resume();
    // The calls were carried out all the same.
    expect(await script.call(['notes', 'count'])).toBe('3');
    expect(await note('after')).toBe('notes:after');
  });

  it('D1: gets its reply when only this process was held up', async () => {
    const call = note(1);
    await new Promise((resolve) => process.nextTick(resolve));
    const until = performance.now() + TIMEOUT_MS + 100;
    while (performance.now() < until);
    expect(await call).toBe('notes:1');
  });
});

describe('a connection that is lost', () => {
  it('A5: fails waiting calls at once, sends none of them again, and serves calls after the reconnect', async () => {
    const other = connect();
    await eventually('the other connection', () => other.status === 'ready', { everyMs: 2 });
    server.pause();
    const waiting = numbers(5).map((n) => failureOf(note(n)));
    await new Promise((resolve) => setImmediate(resolve));
    client.stream.destroy();
    for (const { message } of await Promise.all(waiting)) expect(message).toContain('max retries per request');
    server.resume();
    await eventually('the connection to be back', () => client.status === 'ready', { everyMs: 2 });
    expect(await note('after')).toBe('notes:after');
    const done = await other.lrange('notes', 0, -1);
    expect(done.at(-1)).toBe('after');
    expect(new Set(done).size).toBe(done.length);
    other.disconnect();
  });

  it('D2: refuses calls at once while there is no connection', async () => {
    client.disconnect();
    await eventually('the end', () => client.status === 'end', { everyMs: 2 });
    expect((await failureOf(note(1))).message).toContain('Connection is closed');
  });

  it('lets calls wait for the first connection when its client queues commands', async () => {
    const queueing = connect({ queueing: true });
    const early = scriptOver(queueing);
    const replies = numbers(3).map((n) => early.call(['notes', n]));
    expect(await Promise.all(replies)).toEqual(['notes:0', 'notes:1', 'notes:2']);
    expect(await notes()).toEqual(['0', '1', '2']);
    queueing.disconnect();
  });
});

describe('a pipelined script', () => {
  it('is not made for a cluster, whose client must find the node of each key', () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: server.port }], { lazyConnect: true });
    expect(PipelinedScript.over(cluster, SHA, 1)).toBeUndefined();
    cluster.disconnect();
  });
});
