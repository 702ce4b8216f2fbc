import type { SeededRandom } from '@holdfast/testkit';
import { type Fault, pickOne } from './fault.js';
import type { World } from './world.js';

function someSession(world: World, random: SeededRandom): string {
  return random.pick([...world.audit.histories.keys()]);
}

/** Draws how long Redis is away or silent: longer than the time-out. @returns milliseconds */
function outage(world: World, random: SeededRandom): number {
  const ms = random.int(1_200, 6_000);
  if (random.chance(0.5)) world.redis.stall(ms);
  else world.crash(ms, () => undefined);
  world.disturb(ms + 5_000);
  return ms;
}

/** Faults by which Redis loses data, is away or full, and by which sessions end. */
export const LOSS_FAULTS: readonly Fault[] = [
  {
    name: 'Redis restarts with all it had',
    weight: 2,
    apply: (world, random) => world.crash(random.int(20, 5_000), () => undefined),
  },
  {
    name: 'Redis restarts empty',
    weight: 4,
    apply: (world, random) => world.crash(random.int(20, 5_000), (store) => store.fallBack()),
  },
  {
    name: 'everything in Redis is deleted, or replaced by an older copy',
    weight: 3,
    apply: (world, random) => {
      world.disturb(5_000);
      if (random.chance(0.7)) return world.losses.lose('in silence', (store) => store.fallBack());
      const had = world.database.store.snapshot();
      world.later(random.int(50, 1_500), () => {
        world.audit.note('the older copy is put in place');
        world.disturb(5_000);
        world.losses.lose('in silence', (store) => store.fallBack(had));
      });
    },
  },
  {
    name: 'Redis fails over to a replica that lagged',
    weight: 5,
    apply: (world, random) => {
      const fallBack = world.replica();
      world.later(random.int(5, 1_500), () => {
        world.audit.note('the replica is promoted');
        world.crash(random.int(20, 3_000), fallBack);
      });
    },
  },
  {
    name: 'a key is lost',
    weight: 3,
    apply: (world, random) => {
      const [sessionId, key] = [someSession(world, random), random.pick(['session', 'log'] as const)];
      world.disturb(5_000);
      if (key === 'log') world.audit.history(sessionId).hasLostLog = true;
      world.losses.lose('in silence', (store) => store.lose(sessionId, key));
    },
  },
  {
    name: 'a gateway is cut off from Redis',
    weight: 3,
    apply: (world, random) => {
      const ms = random.int(1_500, 7_000);
      world.disturb(ms + 5_000);
      pickOne(random, world.serving)?.path.hold(ms);
    },
  },
  {
    name: 'Redis is full',
    weight: 2,
    apply: (world, random) => {
      const ms = random.int(200, 5_000);
      world.disturb(ms + 5_000);
      world.redis.isFull = true;
      world.later(ms, () => {
        world.redis.isFull = false;
      });
    },
  },
  {
    name: 'a gateway is killed in the middle of an outage',
    weight: 3,
    apply: (world, random) => {
      const ms = outage(world, random);
      world.later(random.int(0, ms), () => {
        const gateway = pickOne(random, world.serving);
        gateway?.kill(() => random.int(0, 300));
        if (gateway) world.later(random.int(200, 3_000), () => world.restart(gateway));
      });
    },
  },
  {
    name: 'a session is deleted, perhaps about an outage',
    weight: 2,
    apply: (world, random) => {
      const sessionId = someSession(world, random);
      if (random.chance(0.5)) world.later(random.int(0, 2_000), () => outage(world, random));
      if (random.chance(0.3)) {
        const fallBack = world.replica();
        world.later(random.int(5, 800), () => world.crash(1_000, fallBack));
      }
      world.delete(sessionId);
    },
  },
  {
    name: 'a session is given a short life, perhaps about an outage',
    weight: 2,
    apply: (world, random) => {
      world.shorten(someSession(world, random), random.int(1, 5));
      if (random.chance(0.3)) world.later(random.int(0, 3_000), () => outage(world, random));
    },
  },
];
