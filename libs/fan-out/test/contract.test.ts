import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe } from 'vitest';
import { fanOutContract } from './fan-out-contract.js';
import { clusterFanOuts, type FanOuts, memoryFanOuts, redisFanOuts } from './fan-outs.js';

describe.each([
  ['memory', async () => memoryFanOuts()],
  ['Redis', redisFanOuts],
  ['a Redis Cluster, K3: with sharded pub/sub', clusterFanOuts],
] as const)('fan-out in %s', (_name, start) => {
  let fanOuts: FanOuts;
  beforeAll(async () => {
    fanOuts = await start();
  });
  afterAll(async () => {
    await fanOuts.close();
    await stopAll();
  });

  fanOutContract(() => fanOuts);
});
