import { expect, it } from 'vitest';
import { limitKey, MemoryWindowCounters, RedisWindowCounters, WINDOW_MS } from '../src/index.js';
import { setUpRedis, stores } from './real-redis.js';

setUpRedis();

it('M1: processes count together, and the key ends with its window', async () => {
  const [one, other] = [new RedisWindowCounters(stores.client), new RedisWindowCounters(stores.client)];
  const counts = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? one : other).add('created', 'address:2001:db8::/64')),
  );
  expect(counts.map(({ count }) => count).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  const key = limitKey('created', 'address:2001:db8::/64');
  const leftMs = await stores.client.pttl(key);
  expect(leftMs).toBeGreaterThan(WINDOW_MS - 30_000);
  expect(leftMs).toBeLessThanOrEqual(WINDOW_MS);
  await stores.client.pexpire(key, 5_000);
  expect((await one.add('created', 'address:2001:db8::/64')).leftMs).toBeLessThanOrEqual(5_000);
  expect(await stores.client.pttl(key)).toBeLessThanOrEqual(5_000);
  await stores.client.del(key);
  expect(await other.add('created', 'address:2001:db8::/64')).toEqual({ count: 1, leftMs: WINDOW_MS });
});

it('M1: a key without a number or an expiry begins a window, and one of another type counts in the process', async () => {
  const counters = new RedisWindowCounters(stores.client);
  await stores.client.set(limitKey('requests', 'sub:a'), 'x');
  expect(await counters.add('requests', 'sub:a')).toEqual({ count: 1, leftMs: WINDOW_MS });
  await stores.client.set(limitKey('requests', 'sub:b'), '7');
  expect(await counters.add('requests', 'sub:b')).toEqual({ count: 1, leftMs: WINDOW_MS });
  await stores.client.hset(limitKey('requests', 'sub:c'), 'a', 'b');
  const own = await new MemoryWindowCounters().add('requests', 'sub:c');
  expect((await counters.add('requests', 'sub:c')).count).toBe(own.count);
});

it('M1, D7: users of existing deployments may count', async () => {
  const rules = ['resetkeys', '~session:*', '~{session:*', '-@all', '+@read', '+@write', '+@scripting', '-@dangerous'];
  await stores.client.call('ACL', 'SETUSER', 'api', 'on', '>pw', ...rules);
  const client = stores.client.duplicate({ username: 'api', password: 'pw' });
  try {
    const counters = new RedisWindowCounters(client);
    await counters.add('created', 'sub:d');
    expect(await stores.client.get(limitKey('created', 'sub:d'))).toBe('1');
  } finally {
    client.disconnect();
  }
});
