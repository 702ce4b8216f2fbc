import { describe, expect, it } from 'vitest';
import { MemoryOrders, namesOf, ORDER_PAGE, type OrderStore, ordersKey, RedisOrders } from '../src/index.js';
import { setUpRedis, stores } from './real-redis.js';

setUpRedis();

const KEEP = { keepMs: 60_000 };

describe.each(['in Redis', 'in memory'])('orders %s', (where) => {
  let deployments = 0;
  const fresh = (): OrderStore => {
    deployments += 1;
    return where === 'in memory'
      ? new MemoryOrders()
      : new RedisOrders(stores.client, namesOf({ keyPrefix: `d${deployments}:` }));
  };

  it('U13: are found by their names, and of two for one name the later moment counts', async () => {
    const [orders, nowMs] = [fresh(), Date.now()];
    expect(await orders.find('revoked', ['ann'])).toEqual([undefined]);
    expect(
      await orders.keep(
        'revoked',
        new Map([
          ['ann', nowMs],
          ['a/b|c:=', nowMs + 0.5],
        ]),
        KEEP,
      ),
    ).toBe(true);
    expect(await orders.keep('revoked', new Map([['ann', nowMs - 5]]), KEEP)).toBe(true);
    expect(await orders.find('revoked', ['a/b|c:=', 'ann', 'bob'])).toEqual([nowMs + 0.5, nowMs, undefined]);
    expect(await orders.find('disconnected', ['ann'])).toEqual([undefined]);
    expect(await orders.keep('revoked', new Map(), KEEP)).toBe(true);
  });

  it('U13: are read page by page, the latest first', async () => {
    const [orders, nowMs] = [fresh(), Date.now()];
    const all = Array.from({ length: ORDER_PAGE + 5 }, (_, n): [string, number] => [`user u${n}`, nowMs - n]);
    await orders.keep('disconnected', new Map(all), KEEP);
    expect([...(await orders.page('disconnected', 0))]).toEqual(all.slice(0, ORDER_PAGE));
    expect([...(await orders.page('disconnected', ORDER_PAGE))]).toEqual(all.slice(ORDER_PAGE));
    expect((await orders.page('disconnected', 2 * ORDER_PAGE)).size).toBe(0);
  });

  it('U13: are forgotten when they are too old, and refused when there are too many', async () => {
    const [orders, nowMs] = [fresh(), Date.now()];
    await orders.keep(
      'revoked',
      new Map([
        ['old', nowMs - 70_000],
        ['ann', nowMs],
      ]),
      KEEP,
    );
    expect(await orders.keep('revoked', new Map([['bob', nowMs]]), { ...KEEP, most: 2 })).toBe(true);
    expect(await orders.find('revoked', ['old', 'ann', 'bob'])).toEqual([undefined, nowMs, nowMs]);
    expect(await orders.keep('revoked', new Map([['cem', nowMs]]), { ...KEEP, most: 2 })).toBe(false);
    expect(await orders.find('revoked', ['cem'])).toEqual([undefined]);
  });
});

it('U13, K5: the keys expire, and existing users may write them', async () => {
  const rules = ['resetkeys', '~session:*', '~{session:*', '-@all', '+@read', '+@write', '+@scripting', '-@dangerous'];
  await stores.client.call('ACL', 'SETUSER', 'orderer', 'on', '>pw', ...rules);
  const client = stores.client.duplicate({ username: 'orderer', password: 'pw' });
  try {
    const orders = new RedisOrders(client, namesOf());
    for (const kind of ['revoked', 'disconnected'] as const) {
      await orders.keep(kind, new Map([['user ann', Date.now()]]), { ...KEEP, most: 10 });
      expect(await stores.client.pttl(ordersKey(kind))).toBeGreaterThan(30_000);
      expect([(await orders.page(kind, 0)).size, (await orders.find(kind, ['user ann'])).length]).toEqual([1, 1]);
    }
  } finally {
    client.disconnect();
  }
});
