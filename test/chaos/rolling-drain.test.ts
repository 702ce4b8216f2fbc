import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectUninterrupted, type System, seeds, startLoad, startSystem } from './system.js';

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(stopAll);

it.each(seeds('rolling drain'))(
  'V8, B3: SIGTERM to one gateway after the other moves members without a gap in service (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed);
    for (const gateway of system.gateways) {
      await load.flowing();
      expect(await gateway.stop()).toEqual({ code: 0, signal: null });
      await load.flowing();
      await gateway.start();
    }
    await load.flowing();
    // Clients open the new connection before they close the old one.
    await expectUninterrupted(system, load);
  },
);
