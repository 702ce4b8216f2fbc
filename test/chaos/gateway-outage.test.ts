import { eventually, type FaultProxy, startFaultProxy, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { EndedSessions } from './ended-sessions.js';
import { backInRedis, expectUnbroken, PATIENCE_MS, storedIn, tellWaits } from './storage.js';
import {
  expectNothingLost,
  OUTAGE_SEEDS,
  REDIS_TIMEOUT_MS,
  type System,
  seeds,
  startLoad,
  startSystem,
} from './system.js';

let system: System;
/** The proxy between the first gateway and Redis. */
let link: FaultProxy;

beforeAll(async () => {
  system = await startSystem({
    redisTimeoutMs: REDIS_TIMEOUT_MS,
    redisUrls: async (redis) => {
      link = await startFaultProxy(redis);
      return [`redis://127.0.0.1:${link.port}/0`, redis.url];
    },
  });
});

afterAll(stopAll);

it.each(seeds('a partition between one gateway and Redis', OUTAGE_SEEDS))(
  'D1, D3, G4: one gateway that cannot reach Redis goes on by itself, and its members and the others become one chat again (seed %i)',
  async (seed) => {
    const [cutOff, other] = system.gateways;
    const load = await startLoad(system, seed);
    const ended = await EndedSessions.begin(system);
    await load.accepted(150);
    link.halfOpen();
    await storedIn('memory', [cutOff]);
    await storedIn('redis', [other]);
    await load.shown(100);
    await load.accepted(100);
    link.heal();
    const truthMs = await backInRedis(system, load);
    await ended.delete();
    await ended.expectGone();
    await expectUnbroken('a partition between one gateway and Redis', system, load, truthMs);
  },
);

it.each(seeds('maxmemory', OUTAGE_SEEDS))(
  'D1, D3: a Redis that is full answers and does not store: chat goes on in memory until there is room (seed %i)',
  async (seed) => {
    const { redis, gateways } = system;
    onTestFinished(async () => {
      await redis.cli('config', 'set', 'maxmemory', '0');
    });
    const load = await startLoad(system, seed);
    await load.accepted(150);
    await redis.cli('config', 'set', 'maxmemory', '1');
    for (const gateway of gateways)
      await gateway.log.waitFor('Redis answers but does not store', { timeoutMs: PATIENCE_MS });
    const inMemory = (): Promise<(number | undefined)[]> =>
      Promise.all(gateways.map((gateway) => gateway.metric('holdfast_rooms_in_memory')));
    await eventually(
      'every room to be in memory',
      async () => (await inMemory()).every((rooms) => (rooms ?? 0) >= 12),
      {
        timeoutMs: PATIENCE_MS,
      },
    );
    await load.shown(100);
    await redis.cli('config', 'set', 'maxmemory', '0');
    const healedAt = performance.now();
    await eventually('no room to be in memory', async () => (await inMemory()).every((rooms) => rooms === 0), {
      timeoutMs: PATIENCE_MS,
    });
    const truthMs = performance.now() - healedAt;
    expect(await storedIn('redis', gateways)).toBeDefined();
    await load.flowing();
    await expectUnbroken('maxmemory reached', system, load, truthMs);
  },
);

it.each(seeds('a gateway dies in the middle of an outage', OUTAGE_SEEDS))(
  'D5: kill -9 of a gateway while Redis is away: its senders still have what was pending, and send it again (seed %i)',
  async (seed) => {
    const { redis, gateways } = system;
    const [dying] = gateways;
    const load = await startLoad(system, seed);
    await load.accepted(150);
    await redis.kill();
    await storedIn('memory', gateways);
    await load.shown(100);
    await dying.kill();
    await load.shown(100);
    await redis.start();
    await dying.start();
    const truthMs = await backInRedis(system, load);
    const report = await expectNothingLost(system, load);
    expect(report.interruptions, 'the members of the gateway').not.toEqual({});
    tellWaits('a gateway dies in the middle of an outage', report, truthMs);
  },
);

it.each(seeds('Redis is absent at start', OUTAGE_SEEDS))(
  'D1, C5: gateways start without Redis and serve; what was said is stored when there is one (seed %i)',
  async (seed) => {
    const { redis, gateways, api } = system;
    await Promise.all([...gateways, api].map((service) => service.stop()));
    await redis.kill();
    await Promise.all([...gateways, api].map((service) => service.start()));
    await storedIn('memory', gateways);
    const load = await startLoad(system, seed);
    await load.shown(150);
    await redis.restart({ empty: true });
    const truthMs = await backInRedis(system, load);
    await expectUnbroken('Redis absent at start', system, load, truthMs);
  },
);
