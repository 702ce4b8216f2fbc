import { type Fault, pickOne } from './fault.js';
import type { Link } from './link.js';
import type { World } from './world.js';

function openLinks(world: World): Link[] {
  return world.gateways.flatMap((gateway) => [...gateway.links.keys()]);
}

/** Faults of members: of their networks, and what people do themselves. */
export const CLIENT_FAULTS: readonly Fault[] = [
  {
    name: 'a connection breaks',
    weight: 5,
    apply: (world, random) => {
      pickOne(random, openLinks(world))?.cut(random.int(0, 4), random.int(0, 3_000), random.int(0, 1_000));
    },
  },
  {
    name: 'a connection is half open',
    weight: 2,
    apply: (world, random) => {
      const link = pickOne(random, openLinks(world));
      link?.cut(random.int(0, 4), random.int(2_000, 8_000), undefined);
    },
  },
  {
    name: 'a member reads nothing for a while',
    weight: 4,
    apply: (world, random) => {
      const ms = random.int(200, 4_000);
      pickOne(random, openLinks(world))?.stall(ms);
      world.disturb(ms);
    },
  },
  {
    name: 'a page is reloaded',
    weight: 4,
    apply: (world, random) => {
      const member = pickOne(random, world.framed);
      member?.unload();
      world.scheduler.after(random.int(0, 2_000), () => member?.open());
    },
  },
  {
    name: 'a member goes offline and comes back',
    weight: 2,
    apply: (world, random) => {
      const member = pickOne(random, world.framed);
      member?.disconnect();
      world.scheduler.after(random.int(50, 3_000), () => member?.connect());
    },
  },
  {
    name: 'a page is frozen',
    weight: 1,
    apply: (world, random) => pickOne(random, world.framed)?.freeze(random.int(100, 4_000)),
  },
  {
    name: 'a network changes',
    weight: 1,
    apply: (world, random) => pickOne(random, world.framed)?.wake(),
  },
  {
    name: 'a member leaves for good',
    weight: 1,
    apply: (world, random) => pickOne(random, world.framed)?.leave(),
  },
];
