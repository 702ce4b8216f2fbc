import { beforeEach, describe, expect, it } from 'vitest';
import {
  liveChannel,
  logKey,
  nameIndexKey,
  quarantinePrefix,
  sessionIdOf,
  sessionKey,
  tombstoneKey,
} from '../src/index.js';
import { filled, freshId, message, openedAt, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

setUpRedis({ historyMax: 5 });
beforeEach(async () => {
  await stores.client.flushall();
});

describe('keys', () => {
  it('K1, K2, K3: have the names that operators look for', () => {
    expect(sessionKey('a-b')).toBe('session:a-b');
    expect(logKey('a-b')).toBe('{session:a-b}:log');
    expect(liveChannel('a-b')).toBe('{session:a-b}:live');
    for (const id of ['a', 'session:x', 'x}:log', '~.-_']) {
      expect(sessionIdOf(sessionKey(id))).toBe(id);
      expect(sessionIdOf(logKey(id))).toBe(id);
    }
    for (const key of [tombstoneKey('a'), nameIndexKey('a'), quarantinePrefix('a'), '{bull}:audit:1']) {
      expect(sessionIdOf(key)).toBeUndefined();
    }
  });

  it('K1: a session is the JSON of the original guides, read and aged by redis-cli as they write', async () => {
    const { cli } = cliOf();
    const opened = await openedAt(store, 'my-session-id');
    await filled(store, 'my-session-id', 'm1', 'm2', 'm3', 'm4', 'm5');
    const session = JSON.parse(await cli('get', 'session:my-session-id'));
    expect(session).toEqual({
      data: { count: 5, last_activity: expect.closeTo(Date.now() / 1000, -1) },
      created_at: opened.session.createdAt,
      ttl: 3600,
      epoch: opened.session.epoch,
      retried: 0,
      kept: 5,
      newest: 'm5',
    });
    expect(Number(await cli('ttl', 'session:my-session-id'))).toBeGreaterThan(3590);
    await store.leave('my-session-id');
    expect(Object.keys(JSON.parse(await cli('get', 'session:my-session-id')).data)).toEqual([
      'count',
      'last_activity',
      'disconnected_at',
    ]);
  });

  it('K1: a session without custom data has at most 500 bytes, whatever its id and numbers', async () => {
    const id = 'x'.repeat(128);
    await store.put(id, { count: 99_999_999_999, ttl: 315_360_000 });
    await stored(store, id, { messages: [message('m'.repeat(64), { retry: 'anywhere' })] });
    await store.leave(id);
    const json = (await stores.client.get(sessionKey(id))) ?? '';
    expect(JSON.parse(json)).toMatchObject({ data: { count: 100_000_000_000 }, retried: 100_000_000_000, kept: 1 });
    expect(Buffer.byteLength(json)).toBeLessThanOrEqual(500);
  });

  it('K1: keys session:* lists sessions only, whatever else there is', async () => {
    await everything();
    const keys = (await cliOf().cli('keys', 'session:*')).split('\n');
    expect(keys.sort()).toEqual(['session:deleted-and-back', 'session:live', 'session:quarantined']);
    expect(await stores.client.dbsize()).toBeGreaterThan(keys.length * 2);
  });

  it('K2: entries of the log are numbered SEQ-0', async () => {
    await filled(store, 'live', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7');
    const entries = await stores.client.xrange(logKey('live'), '-', '+');
    expect(entries.map(([entry]) => entry)).toEqual(['3-0', '4-0', '5-0', '6-0', '7-0']);
  });

  it('K2: a smaller MESSAGE_HISTORY_MAX trims with the next message', async () => {
    await filled(store, 'live', 'm1', 'm2', 'm3', 'm4', 'm5');
    await filled(stores.create({ historyMax: 2 }), 'live', 'm6');
    expect(await stores.client.xlen(logKey('live'))).toBe(2);
  });

  it('K5: every key that is written has an expiry', async () => {
    await everything();
    for (const key of await stores.client.keys('*')) {
      expect([key, await stores.client.pttl(key)]).toEqual([key, expect.toSatisfy((ttl: number) => ttl > 0)]);
    }
  });

  it('K5: session and log expire in the same millisecond, after every step that refreshes or changes it', async () => {
    const id = freshId();
    const steps = [
      () => filled(store, id, 'm1'),
      () => store.open(id),
      () => store.leave(id),
      () => store.extend(id, 50),
      () => store.put(id, { ttl: 70 }),
      () => store.merge(id, { a: 1 }),
      () => stored(store, id, { messages: [message('m1', { retry: 'anywhere' })] }),
    ];
    for (const step of steps) {
      await step();
      const [session, log] = await Promise.all(
        [sessionKey(id), logKey(id)].map((key) => stores.client.call('PEXPIRETIME', key)),
      );
      expect(Number(session)).toBeGreaterThan(Date.now());
      expect(log).toBe(session);
    }
  });
});

function cliOf() {
  return { cli: (...args: string[]) => stores.server.cli(...args) };
}

/** Leaves every kind of key behind. */
async function everything(): Promise<void> {
  await filled(store, 'live', 'm1', 'm2');
  const indexed = stores.create({ searchBytes: 0 });
  await stored(indexed, 'live', { messages: [message('m1', { retry: 'anywhere' })] });
  expect(await stores.client.exists(nameIndexKey('live'))).toBe(1);
  await store.keepBroadcast('b1', '{}');
  await filled(store, 'deleted', 'm1');
  await store.remove('deleted');
  await filled(store, 'deleted-and-back', 'm1');
  await store.remove('deleted-and-back');
  await store.open('deleted-and-back');
  await filled(store, 'quarantined', 'm1');
  await stores.client.set(sessionKey('quarantined'), 'garbage');
  await store.open('quarantined');
}
