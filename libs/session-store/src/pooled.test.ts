import { expect, it } from 'vitest';
import { MemorySessionStore } from './memory-session-store.js';
import { pooled } from './pooled.js';

function storeOfNothing() {
  return new MemorySessionStore({ live: { publish: () => 0, subscribers: () => 0 } });
}

it('K6, A2: asks for a session through the same store always, and for different ones through all of them', async () => {
  const stores = [storeOfNothing(), storeOfNothing(), storeOfNothing()] as const;
  const pool = pooled([...stores]);
  const ids = Array.from({ length: 60 }, (_, n) => `s${n}`);
  for (const id of ids) await pool.create(id, {});
  for (const id of ids) expect(await pool.get(id)).toMatchObject({ sessionId: id });
  const shares = await Promise.all(stores.map(async (store) => (await store.list({ limit: 100 })).sessions.length));
  expect(shares.reduce((sum, share) => sum + share)).toBe(60);
  for (const share of shares) expect(share).toBeGreaterThan(5);
  expect((await pool.list({ limit: 100 })).sessions).toHaveLength(shares[0] ?? 0);
});

it('hands on every call of the ports with its arguments, and answers what the store does', async () => {
  const calls: unknown[][] = [];
  const noting = new Proxy(storeOfNothing(), {
    get:
      (_target, name) =>
      (...args: unknown[]) => {
        calls.push([name, ...args]);
        return Promise.resolve(name);
      },
  });
  const pool = pooled([noting, noting]);
  const object = {} as never;
  const expected: unknown[][] = [
    ['open', 's', object],
    ['append', 's', object],
    ['read', 's', object, 'epoch'],
    ['heal', 's', object],
    ['fork', 's', object],
    ['bury', 's', 'epoch', 5],
    ['leave', 's'],
    ['create', 's', object],
    ['get', 's'],
    ['list', object],
    ['merge', 's', object, 7],
    ['extend', 's', 7],
    ['remove', 's'],
    ['put', 's', object],
  ];
  for (const [name, ...args] of expected) {
    const method = pool[name as keyof typeof pool] as (...args: unknown[]) => Promise<unknown>;
    expect(await method.apply(pool, args)).toBe(name);
  }
  expect(calls).toEqual(expected);
});

it('is the store itself where there is one', () => {
  const store = storeOfNothing();
  expect(pooled([store])).toBe(store);
});
