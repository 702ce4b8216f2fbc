import { describe, expect, it } from 'vitest';
import { logKey, SessionCorruptError, sessionKey } from '../src/index.js';
import { freshId, message } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

setUpRedis();

/** What other programs keep under `session:ID`. */
const FOREIGN: [what: string, write: (key: string) => Promise<unknown>][] = [
  ['a text', (key) => stores.client.set(key, 'scribble')],
  ['an empty text', (key) => stores.client.set(key, '')],
  ['the JSON of another framework', (key) => stores.client.set(key, '{"cookie":{"originalMaxAge":60},"user":7}')],
  ['JSON that is almost ours', (key) => stores.client.set(key, '{ "data": { "count": 5 }, "ttl": 60 }')],
  ['a hash', (key) => stores.client.hset(key, 'user', '7')],
  ['a list', (key) => stores.client.lpush(key, 'x')],
];

describe.each(FOREIGN)('K8: %s of another program', (_what, write) => {
  it('is left alone by every call, and told apart from a session', async () => {
    const id = freshId();
    await write(sessionKey(id));
    await stores.client.expire(sessionKey(id), 500);
    const before = await stores.client.dumpBuffer(sessionKey(id));
    const position = { epoch: 'e', seq: 1, id: 'm1' };
    const session = { createdAt: 1, ttl: 60, custom: {}, remainingMs: 60_000 };
    const foreign = (call: Promise<unknown>) =>
      expect(call).rejects.toMatchObject({ name: 'SessionCorruptError', sessionId: id, isForeign: true });
    await foreign(store.open(id));
    await foreign(store.open(id, { known: true, resumeEpoch: 'e' }));
    await foreign(store.append(id, { messages: [message('m1')] }));
    await foreign(store.append(id, { position, messages: [message('m1')] }));
    await foreign(store.append(id, { messages: [message('m1', { retry: 'anywhere' })] }));
    await foreign(store.put(id, { count: 1 }));
    expect(await store.create(id, {})).toBeUndefined();
    expect(await store.remove(id)).toBe(false);
    await expect(store.get(id)).rejects.toThrow(SessionCorruptError);
    await expect(store.extend(id, 5)).rejects.toThrow(SessionCorruptError);
    await expect(store.merge(id, { a: 1 })).rejects.toThrow(SessionCorruptError);
    expect(await store.heal(id, { position, session, entries: [] })).toEqual({ outcome: 'corrupt' });
    expect(await store.bury(id, 'zzzz', 1_000)).toBe(false);
    await store.leave(id);
    expect(await store.list({ limit: 10, prefix: id })).toMatchObject({ sessions: [] });
    expect(await stores.client.dumpBuffer(sessionKey(id))).toEqual(before);
    expect(await stores.client.ttl(sessionKey(id))).toBeGreaterThan(490);
    expect(await stores.client.keys(`*${id}*`)).toEqual([sessionKey(id)]);
  });
});

describe('K8: what was a session', () => {
  it('A6: is put aside as before when it begins like one, or its log stands beside it', async () => {
    const id = freshId();
    await stores.client.set(sessionKey(id), '{"data":{"count":0,"last_activity":1},"created');
    expect(await store.open(id)).toMatchObject({ created: true, quarantined: 'unreadable session' });
    const other = freshId();
    await store.append(other, { messages: [message('m1')] });
    await stores.client.set(sessionKey(other), 'scribble');
    expect(await store.remove(other)).toBe(true);
    expect(await stores.client.exists(sessionKey(other), logKey(other))).toBe(0);
  });

  it('F8: leaves a tombstone when its epoch cannot be told, so that its deletion can be confirmed', async () => {
    const id = freshId();
    const { epoch } = (await store.append(id, { messages: [message('m1')] })) as { epoch: string };
    await stores.client.set(sessionKey(id), 'scribble');
    const heard = await stores.listen(id);
    expect(await store.remove(id)).toBe(true);
    const [event] = await heard.payloads(1);
    await heard.stop();
    expect(event).toMatchObject({ kind: 'session', event: { event: 'deleted', epoch: expect.stringMatching(/^.+$/) } });
    expect(await store.read(id, { newest: 1 }, epoch)).toMatchObject({ ended: 'deleted' });
  });
});
