import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectDelivered, expectUninterrupted, type System, seeds, startLoad, startSystem } from './system.js';

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(stopAll);

it.each(seeds('calm'))(
  'R1, F2: members that come and go miss nothing, and no client finds a gap (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed, { disconnectEvery: 1 });
    await load.accepted(300);
    await expectUninterrupted(system, load);
  },
);

it.each(seeds('kill -9 of a gateway'))(
  'R1, A4: kill -9 of each gateway in turn loses and doubles nothing (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed);
    for (const gateway of system.gateways) {
      await load.accepted(50);
      await gateway.kill();
      await load.flowing();
      await gateway.start();
    }
    await load.accepted(50);
    const report = await expectDelivered(system, load);
    expect(report.interruptions, 'the members of both gateways').not.toEqual({});
  },
);
