import { eventually, type SentinelSet, startSentinel, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeRedis, createRedis, redisErrorKind, waitUntilReady } from '../src/index.js';

let set: SentinelSet;

beforeAll(async () => {
  set = await startSentinel({ downAfterMs: 500 });
});
afterAll(stopAll);

describe('a connection through Sentinels', () => {
  it('reaches the master, and the new one after the old fell silent', async () => {
    const settings = { mode: 'sentinel', urls: set.urls, sentinelMaster: set.masterName, timeoutMs: 400 } as const;
    const client = createRedis(settings, { name: 'test', role: 'commands' });
    await waitUntilReady(client, 5000);
    const old = await set.master();
    await client.set('where', 'old master');
    expect(await old.cli('GET', 'where')).toBe('old master');

    old.pause();
    const next = await set.failedOverFrom(old);
    await eventually('writes to arrive', () => client.set('where', 'new master').catch(() => undefined));
    expect(await next.cli('GET', 'where')).toBe('new master');
    await closeRedis(client);
    expect(client.status).toBe('end');
    old.resume();
  });

  it('says why it is not ready when no Sentinel knows the master', async () => {
    const settings = { mode: 'sentinel', urls: set.urls, sentinelMaster: 'unknown', timeoutMs: 400 } as const;
    const errors: Error[] = [];
    const client = createRedis(settings, { name: 'test', role: 'commands', onError: (error) => errors.push(error) });
    await expect(waitUntilReady(client, 1000)).rejects.toThrow('sentinels are unreachable');
    expect(new Set(errors.map(redisErrorKind))).toEqual(new Set(['unreachable']));
    expect(errors.length).toBeLessThan(20);
    await closeRedis(client, 100);
  });
});
