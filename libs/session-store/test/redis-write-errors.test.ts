import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { OutcomeUnknownError, RedisSessionStore, StorageUnavailableError } from '../src/index.js';
import { delivered, filled, freshId, keptIds, message, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

setUpRedis();

let users = 0;

/** A store whose user has the permissions of these rules. */
async function as(...rules: string[]): Promise<{ narrow: RedisSessionStore; refusals: string[]; client: Redis }> {
  const name = `user-${++users}`;
  await stores.client.call('ACL', 'SETUSER', name, 'on', '>pw', 'resetchannels', ...rules);
  const client = stores.client.duplicate({ username: name, password: 'pw' });
  const refusals: string[] = [];
  const narrow = new RedisSessionStore(client, { onUnpublished: (reason) => refusals.push(reason) });
  return { narrow, refusals, client };
}

describe('a user who may write and not publish', () => {
  let narrow: RedisSessionStore;
  let refusals: string[];
  let id: string;

  beforeEach(async () => {
    const user = await as('~*', '+@all');
    ({ narrow, refusals } = user);
    id = freshId();
    return async () => {
      await user.client.quit();
    };
  });

  function expectRefused(): void {
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatch(/channel/);
  }

  it('A1: a message is stored, the answer says so, and the same id finds it again', async () => {
    const first = await stored(narrow, id, { messages: [message('m1', { retry: 'anywhere' })] });
    expect(first).toMatchObject({ created: true, subscribers: -1, messages: [{ seq: 1, duplicate: false }] });
    expectRefused();
    const again = await stored(narrow, id, { messages: [message('m1', { retry: 'anywhere' })] });
    expect(again).toMatchObject({ subscribers: 0, messages: [{ seq: 1, duplicate: true }] });
    expect(await keptIds(store, id)).toEqual(['m1']);
  });

  it('A1: an ordinary message is stored, and the answer says so', async () => {
    const position = await filled(store, id, 'm1');
    const messages = [message('m2'), message('m3')];
    const result = await stored(narrow, id, { position, messages });
    expect(result).toMatchObject({ subscribers: -1, messages: [{ seq: 2 }, { seq: 3 }] });
    expect(result).not.toHaveProperty('quarantined');
    expectRefused();
  });

  it('A1, A6: a message that puts a session into quarantine is stored, and the answer says both', async () => {
    await filled(store, id, 'm1');
    await stores.client.set(`session:${id}`, 'garbage');
    const result = await stored(narrow, id, { messages: [message('m2')] });
    expect(result).toMatchObject({ subscribers: -1, quarantined: 'unreadable session', messages: [{ seq: 1 }] });
    expectRefused();
  });

  it('A1: a session is deleted, and the answer says so', async () => {
    await filled(store, id, 'm1');
    expect(await narrow.remove(id)).toBe(true);
    expectRefused();
    expect(await narrow.remove(id)).toBe(false);
    expect(await store.get(id)).toBeUndefined();
  });

  it('A1: a session is extended, and the answer says so', async () => {
    await filled(store, id, 'm1');
    expect(await narrow.extend(id, 77)).toMatchObject({ ttl: 77 });
    expectRefused();
  });

  it('A1, G2: lost messages are put back, and the answer says so', async () => {
    const position = { epoch: '60a2418204f58-0', seq: 2, id: 'm2' };
    const session = { createdAt: 1, ttl: 100, custom: {}, remainingMs: 50_000 };
    const healed = await narrow.heal(id, { position, session, entries: [delivered(1), delivered(2)] });
    expect(healed).toEqual({ outcome: 'healed', count: 2, firstSeq: 1 });
    expectRefused();
  });

  it('A1, G4: two histories are joined, and the answer says so', async () => {
    const { epoch } = await filled(store, id, 'm1');
    const session = { createdAt: 1, ttl: 100, custom: {} };
    const forked = await narrow.fork(id, { seenEpoch: epoch, samePast: true, session, seq: 1, entries: [] });
    expect(forked).toMatchObject({ outcome: 'forked', epoch: (await store.get(id))?.epoch });
    expectRefused();
  });
});

describe('a script that fails while it runs', () => {
  const everything = ['~*', '&*', '+@all'];

  it.each(['xadd', 'set', 'pexpireat'])(
    'A1, A5: has an unknown outcome where %s is forbidden, whatever was written before',
    async (command) => {
      const { narrow, client } = await as(...everything, `-${command}`);
      const id = freshId();
      const position = await filled(store, id, 'm1');
      const steps = [
        () => narrow.append(id, { position, messages: [message('m2')] }),
        () => narrow.append(freshId(), { messages: [message('m1')] }),
      ];
      for (const step of steps) await expect(step()).rejects.toThrow(OutcomeUnknownError);
      await client.quit();
    },
  );

  it.each([
    ['del', (narrow: RedisSessionStore, id: string) => narrow.remove(id)],
    ['pexpireat', (narrow: RedisSessionStore, id: string) => narrow.extend(id, 9)],
    ['pexpireat', (narrow: RedisSessionStore, id: string) => narrow.leave(id)],
    ['set', (narrow: RedisSessionStore, id: string) => narrow.put(id, { count: 3 })],
    ['set', (narrow: RedisSessionStore, id: string) => narrow.merge(id, { a: 1 })],
    ['set', (narrow: RedisSessionStore, id: string) => narrow.remove(id)],
  ])('A5: without %s: every script that writes', async (command, step) => {
    const { narrow, client } = await as(...everything, `-${command}`);
    const id = freshId();
    await filled(store, id, 'm1');
    await expect(step(narrow, id)).rejects.toThrow(OutcomeUnknownError);
    await client.quit();
  });

  it('D1: a Redis that is full is an outage, in which no message is given up', async () => {
    const id = freshId();
    const position = await filled(store, id, 'm1');
    await stores.client.config('SET', 'maxmemory', '1');
    const error: unknown = await store
      .append(id, { position, messages: [message('m2')] })
      .catch((reason: unknown) => reason)
      .finally(() => stores.client.config('SET', 'maxmemory', '0'));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error).not.toBeInstanceOf(OutcomeUnknownError);
  });

  it('A5: what Redis refuses before a script runs, and a script that only reads, have written nothing', async () => {
    const noScripts = await as(...everything, '-evalsha', '-eval');
    const noReads = await as(...everything, '-xrange');
    const id = freshId();
    const position = await filled(store, id, 'm1');
    for (const step of [
      () => noScripts.narrow.append(id, { position, messages: [message('m2')] }),
      () => noScripts.narrow.remove(id),
      () => noReads.narrow.read(id, { from: 1, limit: 1 }),
    ]) {
      const error: unknown = await step().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(StorageUnavailableError);
    }
    await Promise.all([noScripts.client.quit(), noReads.client.quit()]);
  });
});
