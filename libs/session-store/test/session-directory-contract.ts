import { describe, expect, it } from 'vitest';
import { DataTooLargeError } from '../src/index.js';
import { filled, freshId, keptIds, message, stored } from './messages.js';
import type { Stores } from './stores.js';

/** What every {@link SessionDirectory} does. */
export function sessionDirectoryContract(stores: () => Stores, countsClear = true): void {
  describe('broadcasts', () => {
    it('F8: one is found under its id for a minute, and no other is', async () => {
      const store = stores().create();
      const [id, other] = [freshId(), freshId()];
      await store.keepBroadcast(id, '{"message":"ü"}');
      expect(await store.broadcast(id)).toBe('{"message":"ü"}');
      expect(await store.broadcast(other)).toBeUndefined();
      expect((await store.list({ limit: 1_000, prefix: id })).sessions).toEqual([]);
    });
  });

  describe('create, get and put', () => {
    it('creates a session with its own ttl and data, and none where there is one', async () => {
      const store = stores().create({ defaultTtl: 100 });
      const id = freshId();
      const custom = { topic: 'cats', tags: [], nested: { a: [{ b: null }] }, text: 'ü "} \\ \u0000' };
      expect(await store.get(id)).toBeUndefined();
      const created = await store.create(id, { custom, ttl: 20 });
      expect(created).toMatchObject({ sessionId: id, count: 0, ttl: 20, custom });
      expect(created?.remainingMs).toBeLessThanOrEqual(20_000);
      const { remainingMs: _left, ...session } = (await store.get(id)) ?? { remainingMs: 0 };
      expect(created).toMatchObject(session);
      expect(await store.create(id, {})).toBeUndefined();
      expect((await store.create(freshId(), {}))?.ttl).toBe(100);
    });

    it('a created session takes messages like any other', async () => {
      const store = stores().create();
      const id = freshId();
      const created = await store.create(id, {});
      const first = await stored(store, id, { messages: [message('m1')] });
      expect(first).toMatchObject({ created: false, epoch: created?.epoch, messages: [{ seq: 1 }] });
    });

    it('puts a session whole: the count holds until there are messages', async () => {
      const store = stores().create({ defaultTtl: 100 });
      const id = freshId();
      const put = await store.put(id, { count: 5, lastActivity: 1_640_995_200, custom: { a: 1 }, ttl: 30 });
      expect(put).toMatchObject({ count: 5, lastActivity: 1_640_995_200, custom: { a: 1 }, ttl: 30 });
      expect((await filled(store, id, 'm6')).seq).toBe(6);
      const again = await store.put(id, { count: 99, custom: { b: 2 } });
      expect(again).toMatchObject({ count: 6, custom: { b: 2 }, ttl: 100, epoch: put.epoch, createdAt: put.createdAt });
      expect(again.custom).not.toHaveProperty('a');
      expect(again.remainingMs).toBeGreaterThan(90_000);
    });

    it('refuses data that would stand in for the session’s own fields', async () => {
      const store = stores().create();
      const id = freshId();
      await store.create(id, {});
      for (const field of ['count', 'last_activity', 'disconnected_at']) {
        const custom = { fine: true, [field]: 7 };
        await expect(store.create(freshId(), { custom })).rejects.toThrow(field);
        await expect(store.put(id, { custom })).rejects.toThrow(field);
        await expect(store.merge(id, custom)).rejects.toThrow(field);
      }
      expect(await store.get(id)).toMatchObject({ count: 0, custom: {} });
    });
  });

  describe('merge', () => {
    it('merges field by field, and answers nothing where there is no session', async () => {
      const store = stores().create();
      const id = freshId();
      expect(await store.merge(id, { a: 1 })).toBeUndefined();
      await store.create(id, { custom: { a: 1, b: { x: 1 } } });
      await store.leave(id);
      const merged = await store.merge(id, { b: { y: 2 }, c: [] });
      expect(merged).toMatchObject({ custom: { a: 1, b: { y: 2 }, c: [] } });
      expect(merged?.custom['b']).toEqual({ y: 2 });
      expect(merged).toHaveProperty('disconnectedAt');
      expect((await store.get(id))?.custom).toEqual(merged?.custom);
    });

    it('merges of several writers at once all count', async () => {
      const store = stores().create();
      const id = freshId();
      await store.create(id, {});
      await Promise.all(Array.from({ length: 60 }, (_, n) => store.merge(id, { [`field${n}`]: n })));
      expect(Object.keys((await store.get(id))?.custom ?? {})).toHaveLength(60);
    });

    if (countsClear) {
      it('a bound on all data together holds, to the byte, though many writers merge at once', async () => {
        const store = stores().create();
        const id = freshId();
        await store.create(id, { custom: { é: 1 } });
        const bytes = Buffer.byteLength(JSON.stringify({ é: 1, a: 'xx', b: 'ü' }));
        await expect(store.merge(id, { a: 'xx', b: 'ü' }, bytes - 1)).rejects.toThrow(DataTooLargeError);
        expect((await store.get(id))?.custom).toEqual({ é: 1 });
        expect((await store.merge(id, { a: 'xx', b: 'ü' }, bytes))?.custom).toEqual({ é: 1, a: 'xx', b: 'ü' });
        // A field that is replaced counts once.
        expect((await store.merge(id, { a: 'yy' }, bytes))?.custom).toEqual({ é: 1, a: 'yy', b: 'ü' });
        const many = Array.from({ length: 60 }, (_, n) => store.merge(id, { [`f${n}`]: 'x'.repeat(1_000) }, 16_384));
        const refused = (await Promise.allSettled(many)).filter(({ status }) => status === 'rejected');
        expect(refused).toHaveLength(44);
        const custom = (await store.get(id))?.custom;
        expect(Buffer.byteLength(JSON.stringify(custom))).toBeLessThanOrEqual(16_384);
      });
    }

    it('takes names that mean something to JavaScript', async () => {
      const store = stores().create();
      const id = freshId();
      const custom = JSON.parse('{"__proto__":{"x":1},"constructor":1,"1":"one","toString":null}');
      await store.create(id, { custom });
      await store.merge(id, JSON.parse('{"hasOwnProperty":2}'));
      const text = JSON.stringify((await store.get(id))?.custom);
      expect(JSON.parse(text)).toEqual(
        JSON.parse('{"__proto__":{"x":1},"constructor":1,"1":"one","toString":null,"hasOwnProperty":2}'),
      );
      expect(text).toContain('"__proto__":{"x":1}');
    });
  });

  describe('extend', () => {
    it('T1, V7: changes ttl and expiry, and tells the members', async () => {
      const store = stores().create({ defaultTtl: 100 });
      const id = freshId();
      expect(await store.extend(id, 10)).toBeUndefined();
      await filled(store, id, 'm1');
      const heard = await stores().listen(id);
      expect(await store.extend(id, 7200)).toMatchObject({ ttl: 7200, count: 1 });
      await stores().age(id, 1_000_000);
      const extended = await store.extend(id);
      expect(extended).toMatchObject({ ttl: 7200 });
      expect(extended?.remainingMs).toBeGreaterThan(7_190_000);
      expect((await store.extend(id, 1))?.remainingMs).toBeLessThanOrEqual(1000);
      const events = await heard.payloads(3);
      await heard.stop();
      expect(events).toEqual([7200, 7200, 1].map((ttl) => ({ kind: 'session', event: { event: 'extended', ttl } })));
    });
  });

  describe('remove', () => {
    it('G5, V7: deletes session and history, and tells the members which epoch', async () => {
      const store = stores().create();
      const id = freshId();
      expect(await store.remove(id)).toBe(false);
      const { epoch } = await filled(store, id, 'm1', 'm2');
      const heard = await stores().listen(id);
      expect(await store.remove(id)).toBe(true);
      expect(await heard.payloads(1)).toEqual([{ kind: 'session', event: { event: 'deleted', epoch } }]);
      await heard.stop();
      expect(await store.get(id)).toBeUndefined();
      expect(await keptIds(store, id)).toEqual([]);
      expect(await store.remove(id)).toBe(false);
      expect((await filled(store, id, 'm1')).seq).toBe(1);
    });
  });

  describe('list', () => {
    it.each([1, 3, 7, 100])('gives every session once in pages of at most %i', async (limit) => {
      const store = stores().create();
      const prefix = freshId('list');
      const ids = Array.from({ length: 23 }, (_, n) => `${prefix}.${n}`);
      for (const id of ids) await filled(store, id, 'm1');
      await filled(store, freshId('elsewhere'), 'm1');
      const seen: string[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = await store.list({ limit, prefix: `${prefix}.`, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.sessions.length).toBeLessThanOrEqual(limit);
        seen.push(...page.sessions.map((session) => session.sessionId));
        cursor = page.cursor;
      }
      expect(seen.sort()).toEqual([...ids].sort());
    });

    it('answers whole sessions', async () => {
      const store = stores().create();
      const id = freshId('whole');
      await store.create(id, { custom: { a: [] }, ttl: 120 });
      const { sessions } = await store.list({ limit: 10, prefix: id });
      expect(sessions).toMatchObject([{ sessionId: id, count: 0, ttl: 120, custom: { a: [] } }]);
      expect(sessions[0]?.remainingMs).toBeGreaterThan(100_000);
    });

    it('takes a prefix literally', async () => {
      const store = stores().create();
      const id = freshId('literal');
      await store.create(id, {});
      for (const prefix of ['literal*', 'litera?', '[l]iteral', 'litera\\l']) {
        expect(await store.list({ limit: 10, prefix })).toEqual({ sessions: [], cursor: null });
      }
    });

    it('refuses a cursor that no page answered', async () => {
      const store = stores().create();
      await expect(store.list({ limit: 10, cursor: '\u0000 no/cursor' })).rejects.toThrow(/invalid cursor/);
    });
  });
}
