import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectUninterrupted, type System, seeds, startLoad, startSystem } from './system.js';

const SESSIONS = 50;
const MEMBERS = 20;

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(stopAll);

it.each(seeds('1,000 reconnects at once'))(
  'R1, B5: 1,000 members that reconnect at once miss nothing that is said meanwhile (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed, {
      sessions: SESSIONS,
      members: MEMBERS,
      disconnectEvery: 0,
      // The shortest pause, because all members must reconnect at once.
      backoffBaseMs: 20,
      backoffMaxMs: 20,
    });
    await load.accepted(100);
    load.cutAll();
    await load.accepted(100);
    load.cutAll();
    await load.flowing();
    const report = await expectUninterrupted(system, load);
    expect(report.disconnects.cut).toBeGreaterThan(1_000);
  },
);
