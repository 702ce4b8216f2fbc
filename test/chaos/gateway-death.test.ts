import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectDelivered, type System, seeds, startLoad, startSystem } from './system.js';

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(stopAll);

describe('while nothing fails', () => {
  it.each(seeds('calm'))('R1, F2: members that come and go miss nothing, and no client finds a gap (seed %i)', async (seed) => {
    const load = await startLoad(system, seed, { disconnectEvery: 1 });
    await load.accepted(600);
    const report = await expectDelivered(load);
    expect(report.interruptions).toEqual({});
  });
});
