import { type FaultProxy, startFaultProxy, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectDelivered, type System, seeds, startLoad, startSystem } from './system.js';

let system: System;
let link: FaultProxy;

beforeAll(async () => {
  // A client gives up a silent link after two heartbeats and 5 s.
  system = await startSystem({ gatewayEnv: { HEARTBEAT_INTERVAL: '1' } });
  link = await startFaultProxy(system.gateways[0]);
});

afterAll(stopAll);

it.each(seeds('half-open link'))(
  'R1: members whose link to the gateway has gone silent move on, and lose nothing (seed %i)',
  async (seed) => {
    const [, other] = system.gateways;
    const load = await startLoad(system, seed, {
      gateways: [`ws://127.0.0.1:${link.port}/ws/chat/`, other.wsUrl],
      disconnectEvery: 0,
    });
    await load.accepted(100);
    link.halfOpen();
    await load.flowing();
    load.pause();
    // Members that notice cannot connect to this gateway again. They take the other one.
    expect(await load.settled()).toBeDefined();
    link.heal();
    const report = await expectDelivered(system, load);
    expect(report.interruptions).toEqual({ '1006 silent': expect.any(Number) });
  },
);
