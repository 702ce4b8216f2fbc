import { startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectUninterrupted, type Services, seeds, startLoad, startServices } from './system.js';

const key = (letter: string) => `${letter}:${Buffer.alloc(32, letter).toString('base64')}`;
/** Encryption is switched on, its key is rotated, and it is switched off again: each step is one rolling restart. */
const STEPS = [
  `clear,${key('a')}`,
  `${key('a')},${key('b')}`,
  `${key('b')},${key('a')}`,
  `clear,${key('b')},${key('a')}`,
];

let system: Services;

beforeAll(async () => {
  const redis = await startRedis({ appendOnly: true });
  const env = { CHANNEL_REDIS_URL: redis.url };
  system = await startServices({ one: env, two: env, api: { ...env, SESSION_ENCRYPTION_KEYS: STEPS.at(-1) ?? '' } });
});

afterAll(stopAll);

it.each(seeds('key rotation', 1))(
  'E1: keys rotate under load, and nothing is lost or doubled (seed %i)',
  async (seed) => {
    const load = await startLoad(system, seed);
    for (const keys of STEPS) {
      for (const gateway of system.gateways) {
        await load.flowing();
        expect(await gateway.stop()).toEqual({ code: 0, signal: null });
        await load.flowing();
        await gateway.start({ SESSION_ENCRYPTION_KEYS: keys });
      }
    }
    await load.flowing();
    await expectUninterrupted(system, load);
    for (const { metric } of [...system.gateways, system.api].map((process) => ({
      metric: process.metric.bind(process),
    }))) {
      for (const reason of ['key_missing', 'not_authentic']) {
        expect(await metric('holdfast_unreadable_total', { reason })).toBe(0);
      }
    }
  },
);
