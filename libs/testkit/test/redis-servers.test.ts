import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import {
  DeadlineError,
  eventually,
  type RedisServer,
  runningParts,
  startCluster,
  startRedis,
  startSentinel,
  stopAll,
  withDeadline,
} from '../src/index.js';

afterAll(stopAll);

describe('startRedis', () => {
  it('answers on a port of its own and is gone after stop', async () => {
    const [one, two] = await Promise.all([startRedis(), startRedis()]);
    expect(one.port).not.toBe(two.port);
    await one.cli('set', 'who', 'one');
    expect([await one.cli('get', 'who'), await two.cli('get', 'who')]).toEqual(['one', '']);
    await one.stop();
    expect(one.running).toBe(false);
    await expect(one.cli('ping')).rejects.toThrow(/refused/i);
    await two.kill();
  });

  it('keeps its data over a kill when told to, and loses it when restarted empty', async () => {
    const redis = await startRedis({ appendOnly: true });
    const { port } = redis;
    await redis.cli('set', 'kept', 'yes');
    await redis.restart();
    expect([redis.port, await redis.cli('get', 'kept')]).toEqual([port, 'yes']);
    await redis.restart({ empty: true });
    expect(await redis.cli('get', 'kept')).toBe('');
    await redis.stop();
  });

  it('falls silent when paused and answers when resumed', async () => {
    const redis = await startRedis();
    redis.pause();
    const answer = redis.cli('ping');
    await expect(withDeadline(answer, 'an answer', 200)).rejects.toBeInstanceOf(DeadlineError);
    redis.resume();
    await expect(answer).resolves.toBe('PONG');
    await redis.stop();
  });

  it('passes an error of Redis on', async () => {
    const redis = await startRedis();
    await expect(redis.cli('nonsense')).rejects.toThrow(/unknown command/);
    await redis.stop();
  });
});

describe('startSentinel', () => {
  it('fails over to the replica when the master dies', async () => {
    const set = await startSentinel();
    const old = await set.master();
    await old.cli('set', 'kept', 'yes');
    await old.cli('wait', '1', '5000');
    await old.kill();
    const now = await set.failedOverFrom(old);
    expect(now).not.toBe(old);
    expect(await now.cli('get', 'kept')).toBe('yes');
  }, 40_000);
});

describe('startCluster', () => {
  it('serves every slot from three masters and names the owner of a key', async () => {
    const cluster = await startCluster();
    const owners = new Set<RedisServer>();
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const owner = await cluster.ownerOf(key);
      await owner.cli('set', key, 'here');
      owners.add(owner);
    }
    expect(owners.size).toBe(3);
    // K4: a session's log is on the shard of its plain key.
    expect(await cluster.ownerOf('session:x')).toBe(await cluster.ownerOf('{session:x}:log'));
  }, 40_000);
});

describe('stopAll', () => {
  it('ends every server and clears its directory', async () => {
    const redis = await startRedis();
    await stopAll();
    expect([redis.running, existsSync(redis.dir), runningParts()]).toEqual([false, false, []]);
    await eventually('the port to be free', async () => (await redis.cli('ping').catch(() => 'gone')) === 'gone');
  });
});
