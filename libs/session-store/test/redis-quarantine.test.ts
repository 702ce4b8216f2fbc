import { beforeEach, describe, expect, it } from 'vitest';
import {
  logKey,
  quarantinePrefix,
  RedisSessionStore,
  SessionCorruptError,
  sessionKey,
  tombstoneKey,
} from '../src/index.js';
import { filled, freshId, keptIds, message, openedAt, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

const DAY_MS = 24 * 60 * 60 * 1000;

let id: string;
let epoch: string;

setUpRedis({ defaultTtl: 600 });
beforeEach(async () => {
  id = freshId();
  await store.create(id, { ttl: 50, custom: { topic: 'cats' } });
  epoch = (await filled(store, id, 'm1', 'm2', 'm3')).epoch;
});

/** Rewrites the session's JSON as a careless hand does. */
async function edit(change: (json: string) => string): Promise<void> {
  const json = (await stores.client.get(sessionKey(id))) ?? '';
  const changed = change(json);
  expect(changed).not.toBe(json);
  await stores.client.set(sessionKey(id), changed, 'KEEPTTL');
}

async function asList(key: string): Promise<void> {
  await stores.client.del(key);
  await stores.client.rpush(key, 'a list');
}

interface Fault {
  readonly what: string;
  readonly damage: () => Promise<unknown>;
  readonly named: string;
  /** Whether the epoch that ends can still be told. */
  readonly epochKnown: boolean;
}

const FAULTS: Fault[] = [
  {
    what: 'a session that is no JSON',
    damage: () => stores.client.set(sessionKey(id), 'garbage'),
    named: 'unreadable session',
    epochKnown: false,
  },
  {
    what: 'an empty session',
    damage: () => stores.client.set(sessionKey(id), ''),
    named: 'unreadable session',
    epochKnown: false,
  },
  {
    what: 'a session cut off in its middle',
    damage: () => edit((json) => json.slice(0, 60)),
    named: 'unreadable session',
    epochKnown: false,
  },
  {
    what: 'a session whose count is no number',
    damage: () => edit((json) => json.replace('"count":3', '"count":"three"')),
    named: 'unreadable session',
    epochKnown: true,
  },
  {
    what: 'a session whose count has more digits than can be counted',
    damage: () => edit((json) => json.replace('"count":3', `"count":${'9'.repeat(30)}`)),
    named: 'unreadable session',
    epochKnown: true,
  },
  {
    what: 'a session written anew by another program',
    damage: () => edit((json) => JSON.stringify(JSON.parse(json), null, 1)),
    named: 'unreadable session',
    epochKnown: false,
  },
  {
    what: 'a session of another Redis type',
    damage: () => asList(sessionKey(id)),
    named: 'unreadable session',
    epochKnown: false,
  },
  {
    what: 'a log of another Redis type',
    damage: () => asList(logKey(id)),
    named: 'unreadable log',
    epochKnown: true,
  },
  {
    what: 'a log of other entries',
    damage: () => stores.client.xadd(logKey(id), '4-0', 'foreign', 'entry'),
    named: 'unreadable log',
    epochKnown: true,
  },
  {
    what: 'a count ahead of the log',
    damage: () => edit((json) => json.replace('"count":3', '"count":7')),
    named: 'count disagrees with log',
    epochKnown: true,
  },
  {
    what: 'a log ahead of the count',
    damage: () => stores.client.xadd(logKey(id), '4-0', 'ana', 'm4","content":"x"}'),
    named: 'count disagrees with log',
    epochKnown: true,
  },
  {
    what: 'a log without session',
    damage: () => stores.client.del(sessionKey(id)),
    named: 'log without session',
    epochKnown: false,
  },
];

async function quarantineKeys(): Promise<string[]> {
  const keys: string[] = [];
  for (const key of await stores.client.keys('*:quarantine:*'))
    if (key.startsWith(quarantinePrefix(id))) keys.push(key);
  return keys.sort();
}

/** Both keys as they are, so that what was put aside can be compared. */
async function dumps(keys: readonly string[]): Promise<(string | undefined)[]> {
  const found = await Promise.all(keys.map((key) => stores.client.dumpBuffer(key)));
  return found.map((dump) => dump?.toString('base64')).filter((dump) => dump !== undefined);
}

describe.each(FAULTS)('A6: $what', ({ damage, named, epochKnown }) => {
  const keys = () => [sessionKey(id), logKey(id)];

  async function expectNewStart(damaged: (string | undefined)[], oldEpoch: boolean): Promise<void> {
    const aside = await quarantineKeys();
    expect(await dumps(aside)).toEqual(expect.arrayContaining(damaged));
    expect(aside).toHaveLength(damaged.length);
    for (const key of aside) {
      const ttl = await stores.client.pttl(key);
      expect(ttl).toBeGreaterThan(DAY_MS - 10_000);
      expect(ttl).toBeLessThanOrEqual(DAY_MS);
    }
    expect(await stores.client.get(tombstoneKey(id))).toBe(oldEpoch ? `quarantined ${epoch}` : null);
    const session = await store.get(id);
    expect(session).toMatchObject({ ttl: 600, custom: {} });
    expect(String(session?.epoch) > epoch).toBe(true);
  }

  it('is put aside for a day by the message that finds it, which becomes number 1', async () => {
    await damage();
    const damaged = await dumps(keys());
    const found = await stored(store, id, { messages: [message('m4', { retry: 'anywhere' }), message('m5')] });
    expect(found).toMatchObject({ created: true, quarantined: named, messages: [{ seq: 1 }, { seq: 2 }] });
    await expectNewStart(damaged, epochKnown);
    expect(await keptIds(store, id)).toEqual(['m4', 'm5']);
    const next = await stored(store, id, { messages: [message('m6')] });
    expect(next).not.toHaveProperty('quarantined');
    expect(next).toMatchObject({ created: false, epoch: found.epoch, messages: [{ seq: 3 }] });
  });

  it('is found by a message from a gateway that knows where the session was', async () => {
    await damage();
    const found = await store.append(id, { position: { epoch, seq: 3, id: 'm3' }, messages: [message('m4')] });
    // A log that has lost its session is put back by those who know it (G2).
    if (named === 'log without session') expect(found).toEqual({ outcome: 'gone' });
    else expect(found).toMatchObject({ created: true, quarantined: named, messages: [{ seq: 1 }] });
  });

  it('is put aside for a day by the connection that finds it', async () => {
    await damage();
    const damaged = await dumps(keys());
    expect(await store.open(id)).toMatchObject({ created: true, quarantined: named, session: { count: 0 } });
    await expectNewStart(damaged, epochKnown);
    expect(await store.open(id)).toEqual(expect.not.objectContaining({ quarantined: named }));
  });

  it('is put aside by a write of the whole session, and does not stop a delete', async () => {
    await damage();
    const hadSession = (await stores.client.exists(sessionKey(id))) === 1;
    expect(await store.put(id, { count: 8, custom: { a: 1 } })).toMatchObject({ count: 8, custom: { a: 1 } });
    expect((await filled(store, id, 'm9')).seq).toBe(9);
    await stores.client.del(sessionKey(id), logKey(id), tombstoneKey(id));
    await filled(store, id, 'm1', 'm2', 'm3');
    await damage();
    expect(await store.remove(id)).toBe(hadSession);
    if (hadSession) expect(await stores.client.exists(...keys())).toBe(0);
  });
});

describe('A6', () => {
  it('a log whose newest entry is gone is found by a gateway that knows of it', async () => {
    const position = { epoch, seq: 3, id: 'm3' };
    await stores.client.xdel(logKey(id), '3-0');
    const found = await store.append(id, { position, messages: [message('m4')] });
    expect(found).toMatchObject({ created: true, quarantined: 'count disagrees with log', messages: [{ seq: 1 }] });
  });

  it('a log that another hand has shortened or emptied goes on', async () => {
    const position = { epoch, seq: 3, id: 'm3' };
    await stores.client.xtrim(logKey(id), 'MAXLEN', '1');
    expect(await store.append(id, { position, messages: [message('m4')] })).toMatchObject({ messages: [{ seq: 4 }] });
    expect(await keptIds(store, id)).toEqual(['m3', 'm4']);
    await stores.client.del(logKey(id));
    const next = { position: { epoch, seq: 4, id: 'm4' }, messages: [message('m5')] };
    expect(await store.append(id, next)).toMatchObject({ epoch, messages: [{ seq: 5 }] });
    expect(await keptIds(store, id)).toEqual(['m5']);
  });

  it('what an append notes of the log is right after whatever wrote the session or the log', async () => {
    const at = async () => JSON.parse((await stores.client.get(sessionKey(id))) ?? '') as Record<string, unknown>;
    const seen: unknown[] = [];
    for (const step of [
      () => store.leave(id),
      () => store.open(id),
      () => store.merge(id, { a: [1, { kept: 9, newest: 'x' }] }),
      () => store.extend(id, 700),
      () => store.put(id, { count: 9, custom: { b: 'c' } }),
    ]) {
      await step();
      const { seq } = await filled(store, id, `m${4 + seen.length}`);
      const { kept, newest } = await at();
      seen.push([seq, kept, newest]);
    }
    expect(seen).toEqual([4, 5, 6, 7, 8].map((seq) => [seq, seq, `m${seq}`]));
  });

  it('the tombstone lasts as long as the session would have', async () => {
    await edit((json) => json.replace('"count":3', '"count":7'));
    await store.open(id);
    expect(await stores.client.pttl(tombstoneKey(id))).toBeGreaterThan(40_000);
    expect(await stores.client.pttl(tombstoneKey(id))).toBeLessThanOrEqual(50_000);
  });

  it.each([
    ['a message', async () => (await filled(store, id, 'm4')).epoch],
    ['a connection', async () => (await openedAt(store, id)).session.epoch],
    ['a write of the whole session', async () => (await store.put(id, {})).epoch],
  ])(
    'G5: the epoch that %s begins is later than the one that ends, though the clock was put back',
    async (_by, begin) => {
      const ending = 'f000000000000-x';
      await edit((json) => json.replace(epoch, ending).replace('"count":3', '"count":7'));
      expect((await begin()) > ending).toBe(true);
      expect(await stores.client.get(tombstoneKey(id))).toBe(`quarantined ${ending}`);
    },
  );

  it('the caller’s epoch gets the tombstone when nothing else tells which one ended', async () => {
    await stores.client.set(sessionKey(id), 'garbage');
    const position = { epoch, seq: 3, id: 'm3' };
    expect(await store.append(id, { position, messages: [message('m4')] })).toMatchObject({
      quarantined: 'unreadable session',
    });
    expect(await stores.client.get(tombstoneKey(id))).toBe(`quarantined ${epoch}`);
  });

  it('G3: a log without session is gone to a room that has a position', async () => {
    await stores.client.del(sessionKey(id));
    const position = { epoch, seq: 3, id: 'm3' };
    expect(await store.append(id, { position, messages: [message('m4')] })).toEqual({ outcome: 'gone' });
    expect(await quarantineKeys()).toEqual([]);
  });

  it('custom fields that are no JSON are found by the next connection', async () => {
    await edit((json) => json.replace('"topic":"cats"', '"topic":"cats'));
    await filled(store, id, 'm4');
    await expect(store.get(id)).rejects.toThrow(SessionCorruptError);
    expect(await store.open(id)).toMatchObject({ created: true, quarantined: 'unreadable session' });
    expect(await stores.client.get(tombstoneKey(id))).toBe(`quarantined ${epoch}`);
    expect(await quarantineKeys()).toHaveLength(2);
    expect(await store.get(id)).toMatchObject({ count: 0 });
  });

  it('what only reads or changes a session says that it is corrupt, and leaves it for the next message', async () => {
    for (const damage of [() => stores.client.set(sessionKey(id), 'garbage'), () => asList(sessionKey(id))]) {
      await damage();
      await expect(store.get(id)).rejects.toThrow(SessionCorruptError);
      await expect(store.read(id, { newest: 1 })).rejects.toThrow(SessionCorruptError);
      await expect(store.merge(id, { a: 1 })).rejects.toThrow(SessionCorruptError);
      await expect(store.extend(id, 5)).rejects.toThrow(SessionCorruptError);
      await store.leave(id);
      expect(await store.create(id, {})).toBeUndefined();
    }
    expect(await quarantineKeys()).toEqual([]);
    const { sessions } = await store.list({ limit: 1000, prefix: id });
    expect(sessions).toEqual([]);
  });

  it('an emptied log is no fault, and the numbers go on', async () => {
    await stores.client.xtrim(logKey(id), 'MAXLEN', 0);
    expect(await stored(store, id, { messages: [message('m4')] })).not.toHaveProperty('quarantined');
    await stores.client.xtrim(logKey(id), 'MAXLEN', 0);
    await store.put(id, { count: 1 });
    expect((await filled(store, id, 'n2')).seq).toBe(2);
  });

  it('a permission that is missing is no fault of the session', async () => {
    await stores.client.call('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~*', '&*', '+@all', '-xrevrange');
    const narrow = stores.client.duplicate({ username: 'narrow', password: 'pw' });
    await expect(new RedisSessionStore(narrow).open(id)).rejects.toThrow(/can't run this command/);
    await narrow.quit();
    expect(await quarantineKeys()).toEqual([]);
    expect(await keptIds(store, id)).toEqual(['m1', 'm2', 'm3']);
  });
});
