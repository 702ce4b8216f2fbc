import { describe, expect, it } from 'vitest';
import { RedisSessionManager } from '../src/index.js';
import { filled, freshId } from './messages.js';
import type { Stores } from './stores.js';

/** The calls that the original guides show, on any {@link SessionDirectory}. */
export function sessionManagerContract(stores: () => Stores): void {
  describe('RedisSessionManager', () => {
    it('stores, reads, extends and deletes a session, as the original guides write', async () => {
      const manager = new RedisSessionManager(stores().create());
      const sessionId = freshId('my-session');
      const now = Date.now() / 1000;
      await manager.storeSession({ sessionId, data: { count: 5, last_activity: now }, ttl: 3600 });
      const session = await manager.getSession(sessionId);
      expect(session).toEqual({
        data: { count: 5, last_activity: expect.closeTo(now, 3) },
        created_at: expect.closeTo(now, -1),
        ttl: 3600,
        remaining_ttl: expect.any(Number),
      });
      expect(session?.remaining_ttl).toBeGreaterThan(3590);
      expect(session?.remaining_ttl).toBeLessThanOrEqual(3600);
      expect(await manager.extendSession(sessionId, { ttl: 7200 })).toMatchObject({ ttl: 7200, remaining_ttl: 7200 });
      expect(await manager.deleteSession(sessionId)).toBe(true);
      expect(await manager.getSession(sessionId)).toBeUndefined();
      expect(await manager.deleteSession(sessionId)).toBe(false);
      expect(await manager.extendSession(sessionId)).toBeUndefined();
      expect(await manager.updateSession(sessionId, { a: 1 })).toBeUndefined();
    });

    it('T1: remaining_ttl counts down in whole seconds, and extending without a ttl begins anew', async () => {
      const manager = new RedisSessionManager(stores().create());
      const sessionId = freshId();
      await manager.storeSession({ sessionId, data: {}, ttl: 100 });
      await stores().age(sessionId, 30_000);
      const aged = await manager.getSession(sessionId);
      expect(aged?.remaining_ttl).toBeGreaterThan(60);
      expect(aged?.remaining_ttl).toBeLessThanOrEqual(70);
      expect(Number.isInteger(aged?.remaining_ttl)).toBe(true);
      expect(await manager.extendSession(sessionId)).toMatchObject({ ttl: 100, remaining_ttl: 100 });
    });

    it('updates custom data beside the session’s own fields, which storing takes from it', async () => {
      const store = stores().create();
      const manager = new RedisSessionManager(store);
      const sessionId = freshId();
      await manager.storeSession({ sessionId, data: { count: 2, topic: 'cats', disconnected_at: 1 } });
      const updated = await manager.updateSession(sessionId, { topic: 'dogs', list: [] });
      expect(updated?.data).toEqual({ count: 2, last_activity: expect.any(Number), topic: 'dogs', list: [] });
      await filled(store, sessionId, 'm3');
      await store.leave(sessionId);
      expect((await manager.getSession(sessionId))?.data).toEqual({
        ...{ count: 3, topic: 'dogs', list: [] },
        last_activity: expect.any(Number),
        disconnected_at: expect.any(Number),
      });
    });

    it.each([
      [{ count: -1 }, 'data.count must be a whole number from 0 to'],
      [{ count: 1.5 }, 'data.count must be'],
      [{ count: '5' }, 'data.count must be'],
      [{ count: 1e15 }, 'data.count must be'],
      [{ last_activity: 'now' }, 'data.last_activity must be a time in Unix seconds'],
      [{ last_activity: -1 }, 'data.last_activity must be'],
      [{ last_activity: Number.NaN }, 'data.last_activity must be'],
      [{ last_activity: 1e22 }, 'data.last_activity must be'],
    ])('refuses to store %j', async (data, sentence) => {
      const manager = new RedisSessionManager(stores().create());
      const sessionId = freshId();
      await expect(manager.storeSession({ sessionId, data })).rejects.toThrow(sentence);
      expect(await manager.getSession(sessionId)).toBeUndefined();
    });

    it.each([0, -5, 1.5, Number.NaN, 1e15, Number.POSITIVE_INFINITY])('refuses a ttl of %d', async (ttl) => {
      const manager = new RedisSessionManager(stores().create());
      const sessionId = freshId();
      const sentence = 'ttl must be a whole number of seconds, 1 to 315360000';
      await expect(manager.storeSession({ sessionId, data: {}, ttl })).rejects.toThrow(sentence);
      await manager.storeSession({ sessionId, data: { count: 7 }, ttl: 315_360_000 });
      await expect(manager.extendSession(sessionId, { ttl })).rejects.toThrow(sentence);
      expect(await manager.getSession(sessionId)).toMatchObject({ data: { count: 7 }, ttl: 315_360_000 });
    });

    it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
      'C8: refuses to store and to update %d, which JSON would write as null',
      async (number) => {
        const manager = new RedisSessionManager(stores().create());
        const sessionId = freshId();
        const data = { order: [{ sum: number }] };
        const sentence = 'data.order.0.sum must be a finite number';
        await expect(manager.storeSession({ sessionId, data })).rejects.toThrow(sentence);
        await manager.storeSession({ sessionId, data: { order: [{ sum: 0.1 }] } });
        await expect(manager.updateSession(sessionId, data)).rejects.toThrow(sentence);
        expect((await manager.getSession(sessionId))?.data).toMatchObject({ order: [{ sum: 0.1 }] });
      },
    );

    it('refuses to update the session’s own fields', async () => {
      const manager = new RedisSessionManager(stores().create());
      const sessionId = freshId();
      await manager.storeSession({ sessionId, data: {} });
      await expect(manager.updateSession(sessionId, { count: 1 })).rejects.toThrow('data.count is reserved');
    });
  });
}
