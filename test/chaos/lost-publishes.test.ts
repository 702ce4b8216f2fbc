import { SeededRandom, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { isSessionPush, type PushFilter, startPushFilter } from './push-filter.js';
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
let filters: readonly [PushFilter, PushFilter];

beforeAll(async () => {
  system = await startSystem({
    redisUrls: async (redis) => {
      filters = await Promise.all([startPushFilter(redis), startPushFilter(redis)]);
      return [filters[0].url, filters[1].url];
    },
  });
});

afterAll(stopAll);

/** Loses every push that carries a message. Other pushes on a session's channel may tell of the message. */
function loseMessages(which: readonly PushFilter[]): void {
  for (const filter of which) filter.loses = (push) => isSessionPush(push) && push.payload.includes('"content":');
}

function loseNothing(): void {
  for (const filter of filters) {
    filter.loses = () => false;
    filter.lost = 0;
  }
}

it.each(seeds('lost publishes'))(
  'F2: members never notice that pub/sub loses a third of the messages (seed %i)',
  async (seed) => {
    const random = new SeededRandom(seed);
    onTestFinished(loseNothing);
    const load = await startLoad(system, seed);
    for (const filter of filters) filter.loses = (push) => isSessionPush(push) && random.chance(1 / 3);
    await load.accepted(300);
    expect(filters.map((filter) => filter.lost > 10)).toEqual([true, true]);
    loseNothing();
    await load.flowing();
    await expectUninterrupted(system, load);
  },
);

it.each(seeds('lost last message'))(
  'F4: a last message that pub/sub lost reaches every member within 3 s (seed %i)',
  async (seed) => {
    onTestFinished(loseNothing);
    const load = await startLoad(system, seed, { disconnectEvery: 0 });
    await load.accepted(100);
    // Each session gets one message. It is lost on the way to one gateway, to the other, or to both.
    for (const deaf of [[filters[0]], [filters[1]], filters]) {
      load.pause();
      expect(await load.settled()).toBeDefined();
      loseMessages(deaf);
      const late = lateness();
      load.sendOnce();
      const tookMs = await load.settled();
      expect(deaf.every((filter) => filter.lost > 0)).toBe(true);
      loseNothing();
      expect(tookMs, 'milliseconds').toBeLessThan(LAST_MESSAGE_MS + late());
      load.resume();
      await load.flowing();
    }
    await expectDelivered(system, load);
  },
);
