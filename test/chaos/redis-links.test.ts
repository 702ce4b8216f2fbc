import { eventually, type FaultProxy, startFaultProxy, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  expectDelivered,
  expectUninterrupted,
  LAST_MESSAGE_MS,
  lateness,
  type System,
  seeds,
  startLoad,
  startSystem,
} from './system.js';

let system: System;
const links: FaultProxy[] = [];

beforeAll(async () => {
  system = await startSystem({
    redisUrls: async (redis) => {
      const [one, two] = await Promise.all([startFaultProxy(redis), startFaultProxy(redis)]);
      links.push(one, two);
      return [`redis://127.0.0.1:${one.port}/0`, `redis://127.0.0.1:${two.port}/0`];
    },
  });
});

afterAll(stopAll);

it.each(seeds('CLIENT KILL TYPE pubsub'))(
  'F3, F4: members miss nothing when Redis drops the subscriber connections (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed);
    for (let round = 0; round < 4; round++) {
      await load.accepted(60);
      await subscribed();
      await killSubscribers();
    }
    await load.flowing();
    // The gateway fetches the missing messages itself, so that no member notices.
    await expectUninterrupted(system, load);
  },
);

it.each(seeds('append with unknown outcome'))(
  'A5: a command connection that is cut in the middle of an append stores each message once (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed);
    const duplicates = await count(system, 'holdfast_message_duplicates_total');
    for (let round = 0; round < 3; round++) {
      for (const link of links) {
        await load.accepted(20);
        await link.cutAfterRequest(isAppend);
      }
    }
    await load.flowing();
    await expectDelivered(system, load);
    expect(
      await count(system, 'holdfast_message_duplicates_total'),
      'appends that Redis had carried out',
    ).toBeGreaterThan(duplicates);
  },
);

it.each(seeds('last words while unsubscribed'))(
  'F4: what is said last while no gateway is subscribed reaches every member within 3 s (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed, { disconnectEvery: 0 });
    await load.accepted(60);
    load.pause();
    expect(await load.settled()).toBeDefined();
    await subscribed();
    await killSubscribers();
    const late = lateness();
    load.sendOnce();
    expect(await load.settled(), 'milliseconds').toBeLessThan(LAST_MESSAGE_MS + late());
    await expectDelivered(system, load);
  },
);

/** Waits until both gateways have their subscriber connection. */
async function subscribed(): Promise<void> {
  await eventually('both gateways to have subscribed', async () => {
    const clients = await system.redis.cli('client', 'list', 'type', 'pubsub');
    return clients.split('\n').filter((line) => line !== '').length === 2;
  });
}

/**
 * Kills the subscriber connections there are. A gateway that misses its canary may just have closed its connection
 * itself: then the next one is killed.
 */
async function killSubscribers(): Promise<void> {
  await eventually(
    'a subscriber connection to be killed',
    async () => Number(await system.redis.cli('client', 'kill', 'type', 'pubsub')) > 0,
  );
}

/** Whether what a gateway sends to Redis contains a whole call that stores messages. */
function isAppend(bytes: Buffer): boolean {
  return bytes.includes('EVALSHA') && bytes.includes('"content":') && bytes.subarray(-2).toString() === '\r\n';
}

/** Sum of a metric over both gateways. */
async function count({ gateways }: System, metric: string): Promise<number> {
  const values = await Promise.all(gateways.map((gateway) => gateway.metric(metric)));
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
