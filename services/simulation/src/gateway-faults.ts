import { type Fault, pickOne } from './fault.js';

/** Faults of gateways: deaths, pauses and replacements. */
export const GATEWAY_FAULTS: readonly Fault[] = [
  {
    name: 'a gateway is killed',
    weight: 4,
    apply: (world, random) => {
      const gateway = pickOne(random, world.serving);
      const withMachine = random.chance(0.3);
      gateway?.kill(() => (withMachine ? undefined : random.int(0, 300)));
      if (gateway) world.scheduler.after(random.int(200, 3_000), () => world.restart(gateway));
    },
  },
  {
    name: 'a gateway stands still',
    weight: 2,
    apply: (world, random) => {
      const ms = random.int(50, 2_500);
      pickOne(random, world.serving)?.process.freeze(ms);
      world.disturb(ms);
    },
  },
  {
    name: 'a gateway is drained and replaced',
    weight: 4,
    apply: (world, random) => {
      const gateway = pickOne(random, world.serving);
      if (!gateway) return;
      gateway.stop();
      const look = () => {
        if (gateway.state === 'gone') world.restart(gateway);
        else world.scheduler.after(random.int(50, 500), look);
      };
      look();
    },
  },
  {
    name: 'all connections of a gateway break at once',
    weight: 1,
    apply: (world, random) => {
      for (const link of [...(pickOne(random, world.serving)?.links.keys() ?? [])]) {
        link.cut(random.int(0, 2), random.int(0, 500), random.int(0, 500));
      }
    },
  },
];
