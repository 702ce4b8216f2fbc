import { type RedisServer, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, it } from 'vitest';
import { EndedSessions } from './ended-sessions.js';
import { backInRedis, expectUnbroken, storedIn } from './storage.js';
import { OUTAGE_SEEDS, REDIS_TIMEOUT_MS, type System, seeds, startLoad, startSystem } from './system.js';

let system: System;
let redis: RedisServer;

beforeAll(async () => {
  system = await startSystem({ redisTimeoutMs: REDIS_TIMEOUT_MS });
  redis = system.redis;
});

afterAll(stopAll);

interface Outage {
  readonly what: string;
  readonly rule: string;
  /** Takes Redis away. */
  begins(): Promise<void> | void;
  /** Brings Redis back. Absent when Redis was never away. */
  ends?(): Promise<void> | void;
  /** Least duration of the outage, in milliseconds. Default: until every gateway has noticed. */
  readonly lastsMs?: number;
}

const OUTAGES: readonly Outage[] = [
  {
    what: 'Redis is silent for 10 s',
    rule: 'D1, D3',
    begins: () => redis.pause(),
    ends: () => redis.resume(),
    lastsMs: 10_000,
  },
  {
    what: 'Redis is killed and comes back with its data',
    rule: 'D1, D3',
    begins: () => redis.kill().then(() => undefined),
    ends: () => redis.start(),
  },
  {
    what: 'Redis is killed and comes back empty',
    rule: 'G1, G2',
    begins: () => redis.kill().then(() => undefined),
    ends: () => redis.restart({ empty: true }),
  },
  {
    what: 'FLUSHALL',
    rule: 'G1, G2',
    begins: () => redis.cli('flushall').then(() => undefined),
  },
];

const cases = OUTAGES.flatMap((outage) => seeds(outage.what, OUTAGE_SEEDS).map((seed) => ({ ...outage, seed })));

it.each(cases)('$rule, G5: $what: nothing is lost, doubled or comes back (seed $seed)', async (outage) => {
  const load = await startLoad(system, outage.seed);
  const ended = await EndedSessions.begin(system);
  await ended.delete();
  await load.accepted(150);
  const beganAt = performance.now();
  await outage.begins();
  if (outage.ends) {
    await storedIn('memory', system.gateways);
    // Chat goes on among the members of each gateway.
    await load.shown(100);
    await ended.expired();
    await new Promise((resolve) => setTimeout(resolve, beganAt + (outage.lastsMs ?? 0) - performance.now()));
    await outage.ends();
  }
  const truthMs = await backInRedis(system, load);
  await load.accepted(150);
  await ended.expectGone();
  await expectUnbroken(outage.what, system, load, truthMs);
});
