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

it('is the store itself where there is one', () => {
  const store = storeOfNothing();
  expect(pooled([store])).toBe(store);
});
