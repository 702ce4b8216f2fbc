import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NewMessage, RedisSessionStore, Seal, SealedSessionStore } from '../src/index.js';
import { delivered, filled, freshId, message, openedAt, stored } from './messages.js';
import { type RedisStores, redisStores, type Store, sealKey } from './stores.js';

/*
 * E1 on a real Redis: what is in it, and how processes with other keys, or none, get along on one session.
 */

let stores: RedisStores;

beforeAll(async () => {
  stores = await redisStores();
  await stores.client.config('SET', 'rdbcompression', 'no');
});
afterAll(async () => {
  await stores.close();
  await stopAll();
});

const told: string[] = [];

/** A store of a process with these keys, of which the first writes; without any it is one that does not encrypt. */
function storeWith(...kids: string[]): Store {
  const [first, ...rest] = kids;
  const keys = (first === 'clear' ? rest : kids).map(sealKey);
  const inner = new RedisSessionStore(stores.client, { sealed: keys.length > 0, historyMax: 20 });
  return new SealedSessionStore(inner, new Seal(keys, first !== 'clear'), (fault) => told.push(fault));
}

async function contents(store: Store, id: string): Promise<unknown[]> {
  const { entries } = await store.read(id, { newest: 100 });
  return entries.map(({ body }) => {
    const { content, error } = JSON.parse(`{${body}`) as { content: string; error?: string };
    return error ?? content;
  });
}

const textsOf = (...ids: string[]) => ids.map((id) => `text of ${id}`);

describe('a dump of Redis', () => {
  it('E1: has no content and no custom data, by whichever call they came', async () => {
    const store = storeWith('k1');
    const heard = stores.client.duplicate();
    const published: string[] = [];
    heard.on('pmessage', (_pattern, _channel, payload) => published.push(payload));
    await heard.psubscribe('*');
    const [id, lost] = [freshId('dump'), freshId('dump')];
    const planted = (name: string): NewMessage => message(name, { content: `planted ${name}`, retry: 'anywhere' });
    await store.create(id, { custom: { planted: 'planted' } });
    await store.merge(id, { 'planted too': ['planted'] });
    await stored(store, id, { messages: [planted('a'), planted('b')] });
    const { epoch } = (await openedAt(store, id)).session;
    await stored(store, id, {
      position: { epoch, seq: 2, id: 'b' },
      messages: [message('c', { content: 'planted c' })],
    });
    await store.put(freshId('dump'), { custom: { planted: 'planted' } });
    const entries = [delivered(1), delivered(2)].map((entry) => {
      return { ...entry, body: entry.body.replace('text of', 'planted') };
    });
    const session = { createdAt: 1, ttl: 60, custom: { planted: 1 }, remainingMs: 60_000 };
    await store.heal(lost, { position: { epoch: 'e-1', seq: 2, id: 'm2' }, session, entries });
    const own = [{ ...entries[1], id: 'other', seq: 3 } as (typeof entries)[0]];
    await store.fork(lost, { seenEpoch: 'e-1', samePast: false, session, seq: 3, entries: own });
    await store.keepBroadcast('b1', '{"message":"planted"}');
    await heard.quit();

    const keys = await stores.client.keys('*');
    const dumps = await Promise.all(keys.map((key) => stores.client.dumpBuffer(key)));
    expect(keys.length).toBeGreaterThan(5);
    expect(dumps.filter((dump) => dump.includes('planted')).length).toBe(0);
    expect(published.length).toBeGreaterThan(3);
    expect(published.filter((payload) => payload.includes('planted'))).toEqual([]);
    // All of it is there for whoever has the key.
    expect(await contents(store, id)).toEqual(['planted a', 'planted b', 'planted c']);
    expect((await store.get(id))?.custom).toEqual({ planted: 'planted', 'planted too': ['planted'] });
    expect((await contents(store, lost)).every((content) => String(content).startsWith('planted'))).toBe(true);
    expect(await store.broadcast('b1')).toBe('{"message":"planted"}');
  });

  it('E1, K2: what is stored counts, which is more than what was sent', async () => {
    const id = freshId();
    const inner = new RedisSessionStore(stores.client, { historyMax: 10, sessionMaxBytes: 4_000, sealed: true });
    const store = new SealedSessionStore(inner, new Seal([sealKey('k1')]));
    for (let n = 1; n <= 8; n++) await filled(store, id, `m${n}-${'x'.repeat(200)}`);
    const raw = await stores.client.xrange(`{session:${id}}:log`, '-', '+');
    const bytes = raw.map(([, [key = '', text = '']]) => key.length + text.length);
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(4_000);
    expect(raw.length).toBeLessThan(8);
    expect(await contents(store, id)).toHaveLength(raw.length);
  });
});

describe('other keys on one session', () => {
  it('E1: keys rotate: all that is in the log is read, and custom data is merged across keys', async () => {
    const id = freshId();
    const [clear, old, both, newer] = [storeWith(), storeWith('old'), storeWith('new', 'old'), storeWith('new')];
    await clear.create(id, { custom: { a: 'clear', kept: 1 } });
    await filled(clear, id, 'm1');
    await filled(old, id, 'm2');
    await old.merge(id, { a: 'old', b: 'old' });
    await filled(both, id, 'm3');
    await both.merge(id, { b: 'new' });
    expect(await contents(both, id)).toEqual(textsOf('m1', 'm2', 'm3'));
    expect((await both.get(id))?.custom).toEqual({ a: 'old', kept: 1, b: 'new' });
    // Back to clear: nothing is lost either.
    const leaving = storeWith('clear', 'new', 'old');
    await filled(leaving, id, 'm4');
    expect(await contents(leaving, id)).toEqual(textsOf('m1', 'm2', 'm3', 'm4'));
    told.length = 0;
    expect(await contents(newer, id)).toEqual(['text of m1', 'key_missing', 'text of m3', 'text of m4']);
    expect(await contents(clear, id)).toEqual(['text of m1', 'key_missing', 'key_missing', 'text of m4']);
    // Each read of the session meets its sealed fields as well.
    expect(told).toContain('key_missing');
    expect(told).not.toContain('not_authentic');
  });

  it.each([
    ['before encryption', [], ['k1']],
    ['before the rotation', ['old'], ['new', 'old']],
    ['after encryption was given up', ['k1'], ['clear', 'k1']],
    ['with the same key', ['k1'], ['k1']],
  ])('E1, A4: a repetition of what was stored %s is a duplicate and no conflict', async (_when, before, after) => {
    const id = freshId();
    await filled(storeWith(...before), id, 'm1', 'm2');
    const again = await stored(storeWith(...after), id, { messages: [message('m1', { retry: 'anywhere' })] });
    expect(again.messages).toEqual([{ seq: 1, duplicate: true }]);
    expect(await contents(storeWith(...after), id)).toEqual(textsOf('m1', 'm2'));
  });

  it('E1, A4: another content under one id is a conflict, as without encryption', async () => {
    const id = freshId();
    const store = storeWith('k1');
    await filled(store, id, 'm1');
    const other = message('m1', { content: 'something else', retry: 'anywhere' });
    expect((await stored(store, id, { messages: [other] })).messages).toEqual([
      { seq: 1, duplicate: true, isConflict: true },
    ]);
  });

  it.each([
    ['in clear', []],
    ['with the old key', ['old']],
    ['with the new key', ['new']],
  ])('E1, G2, G4: what was stored %s is healed and joined with the new key, without a reset', async (_how, before) => {
    const id = freshId();
    const gateway = storeWith('new', 'old');
    await filled(storeWith(...before), id, 'm1', 'm2', 'm3');
    const { session, entries } = await gateway.read(id, { newest: 10 });
    if (!session) throw new Error('the session is gone');
    const position = { epoch: session.epoch, seq: 3, id: 'm3' };
    // The log is lost in part, as by a failover to a replica that lags.
    const log = `{session:${id}}:log`;
    const raw = await stores.client.xrange(log, '1', '2');
    await stores.client.del(log);
    for (const [streamId, fields] of raw) await stores.client.xadd(log, streamId, ...fields);
    const json = (await stores.client.get(`session:${id}`)) ?? '';
    await stores.client.set(`session:${id}`, json.replace('"count":3', '"count":2'), 'EX', 60);
    expect(await gateway.heal(id, { position, session, entries })).toEqual({
      outcome: 'healed',
      count: 3,
      firstSeq: 1,
    });
    expect(await contents(gateway, id)).toEqual(textsOf('m1', 'm2', 'm3'));
    // Both histories have entries in common, whatever they were encrypted with: nothing is stored twice.
    const request = { seenEpoch: session.epoch, samePast: false, session, seq: 3, entries };
    expect((await gateway.fork(id, request)).outcome).toBe('forked');
    expect(await contents(gateway, id)).toEqual(textsOf('m1', 'm2', 'm3'));
  });

  it('E1: what a gateway could not read it puts back as it was', async () => {
    const id = freshId();
    const [owner, stranger] = [storeWith('lost-key'), storeWith('k1')];
    await owner.create(id, { custom: { a: 1 } });
    await filled(owner, id, 'm1', 'm2');
    const { session, entries } = await stranger.read(id, { newest: 10 });
    if (!session) throw new Error('the session is gone');
    await stores.client.del(`session:${id}`, `{session:${id}}:log`);
    const position = { epoch: session.epoch, seq: 2, id: 'm2' };
    expect(await stranger.heal(id, { position, session, entries })).toMatchObject({ outcome: 'healed', count: 2 });
    expect(await contents(stranger, id)).toEqual(['key_missing', 'key_missing']);
    expect(await contents(owner, id)).toEqual(textsOf('m1', 'm2'));
    expect((await owner.get(id))?.custom).toEqual({ a: 1 });
    // The chat goes on behind it.
    await filled(stranger, id, 'm3');
    expect(await contents(stranger, id)).toEqual(['key_missing', 'key_missing', 'text of m3']);
  });
});

describe('an entry that was moved', () => {
  it('E1: to another number of its session under another id, or to another session, is told and not shown', async () => {
    const store = storeWith('k1');
    const [one, two] = [freshId(), freshId()];
    await filled(store, one, 'm1', 'm2', 'm3');
    await filled(store, two, 'm1');
    const log = (id: string) => `{session:${id}}:log`;
    const raw = await stores.client.xrange(log(one), '-', '+');
    const [first, second] = raw.map(([, [, text = '']]) => text);
    await stores.client.del(log(one), log(two));
    // The text of one under the id of the other; and the whole entry in the other session.
    const swapped = `${first?.slice(0, 4)}${second?.slice(4)}`;
    await stores.client.xadd(log(one), '1-0', 'ana', swapped);
    await stores.client.xadd(log(one), '2-0', 'bob', second ?? '');
    await stores.client.xadd(log(one), '3-0', ...(raw[2]?.[1] ?? []));
    await stores.client.xadd(log(two), '1-0', 'ana', first ?? '');
    told.length = 0;
    expect(await contents(store, one)).toEqual(['not_authentic', 'not_authentic', 'text of m3']);
    expect(await contents(store, two)).toEqual(['not_authentic']);
    expect(told).toEqual(['not_authentic', 'not_authentic', 'not_authentic']);
  });

  it('E1: a custom field that was moved or changed is missing and told', async () => {
    const store = storeWith('k1');
    const [one, two] = [freshId(), freshId()];
    await store.create(one, { custom: { a: 1 } });
    const json = (await stores.client.get(`session:${one}`)) ?? '';
    await stores.client.set(`session:${two}`, json, 'EX', 60);
    told.length = 0;
    const session = await store.get(two);
    expect(Object.keys(session?.custom ?? {})).toEqual([expect.stringMatching(/^\$k1\./)]);
    expect(told).toEqual(['not_authentic']);
    await expect(store.merge(two, session?.custom ?? {})).rejects.toThrow(/is reserved: encrypted fields/);
  });
});
