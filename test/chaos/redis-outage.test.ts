import { formatReport } from '@holdfast/loadgen';
import { eventually, type RedisServer, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type System, seeds, startLoad, startSystem } from './system.js';

/** D1 and two canary intervals, with room for a machine that is busy. */
const NOTICED_MS = 5_000;

let system: System;
let redis: RedisServer;

beforeAll(async () => {
  system = await startSystem();
  redis = system.redis;
});

afterAll(stopAll);

/** `/readyz` and the metric of every gateway say where sessions are stored. */
async function expectStorage(storage: 'redis' | 'memory'): Promise<void> {
  for (const gateway of system.gateways) {
    await eventually(
      `${gateway.name} to store in ${storage}`,
      async () => {
        const { status, body } = await gateway.readiness();
        const up = await gateway.metric('holdfast_redis_up');
        return status === 200 && body['storage'] === storage && up === (storage === 'redis' ? 1 : 0);
      },
      { timeoutMs: NOTICED_MS },
    );
  }
}

interface Outage {
  readonly what: string;
  readonly rule: string;
  /** Redis goes away and comes back. */
  happens(): Promise<void>;
}

const OUTAGES: readonly Outage[] = [
  {
    what: 'Redis is silent for 5 s',
    rule: 'D1, D3',
    happens: async () => {
      redis.pause();
      await expectStorage('memory');
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      redis.resume();
    },
  },
  {
    what: 'Redis is killed and comes back with its data',
    rule: 'D1, D3',
    happens: async () => {
      await redis.kill();
      await expectStorage('memory');
      await redis.start();
    },
  },
  {
    what: 'Redis is killed and comes back empty',
    rule: 'G1, G2',
    happens: async () => {
      await redis.kill();
      await expectStorage('memory');
      await redis.restart({ empty: true });
    },
  },
  {
    what: 'FLUSHALL',
    rule: 'G1, G2',
    happens: async () => {
      await redis.cli('flushall');
    },
  },
];

const cases = OUTAGES.flatMap((outage) => seeds(outage.what).map((seed) => ({ ...outage, seed })));

it.each(cases)('$rule: $what: nothing is lost or doubled (seed $seed)', async ({ happens, seed }) => {
  const load = await startLoad(system, seed);
  await load.accepted(200);
  await happens();
  await expectStorage('redis');
  await load.flowing();
  await load.accepted(200);
  const report = await load.finish();
  expect(report.ok, formatReport(report)).toBe(true);
  expect(report.rejected, formatReport(report)).toBe(0);
  expect(report.interruptions, formatReport(report)).toEqual({});
  for (const gateway of system.gateways) {
    await eventually(
      `everything to be stored by ${gateway.name}`,
      async () => (await gateway.metric('holdfast_ledger_imbalance')) === 0,
    );
  }
});
