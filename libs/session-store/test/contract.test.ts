import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe } from 'vitest';
import { namesOf } from '../src/index.js';
import { duplicatesContract } from './duplicates-contract.js';
import { logBoundsContract } from './log-bounds-contract.js';
import { refusalsContract } from './refusals-contract.js';
import { repairContract } from './repair-contract.js';
import { sessionDirectoryContract } from './session-directory-contract.js';
import { sessionLogContract } from './session-log-contract.js';
import { sessionManagerContract } from './session-manager-contract.js';
import { clusterStores, memoryStores, redisStores, type Stores, sealedStores } from './stores.js';

describe.each([
  ['memory', async () => memoryStores()],
  ['memory, K7: with a scope', async () => memoryStores(namesOf({ keyPrefix: 'team:', database: 3 }))],
  ['Redis', () => redisStores()],
  ['Redis, K7: in database 3, with a prefix', () => redisStores('team:', 3)],
  ['Redis, E1: with encryption', () => sealedStores()],
  ['a Redis Cluster, K3: with sharded pub/sub', () => clusterStores()],
  ['a Redis Cluster, K7: with a prefix', () => clusterStores('team:')],
] as const)('sessions in %s', (name, start) => {
  let stores: Stores;
  beforeAll(async () => {
    stores = await start();
  });
  afterAll(async () => {
    await stores.close();
    await stopAll();
  });

  // Bytes are counted as they are stored: encrypted messages have more than the contracts reckon with.
  const countsClear = !name.includes('encryption');
  sessionLogContract(() => stores, countsClear);
  duplicatesContract(() => stores);
  if (countsClear) logBoundsContract(() => stores);
  refusalsContract(() => stores);
  repairContract(() => stores);
  sessionDirectoryContract(() => stores, countsClear);
  sessionManagerContract(() => stores);
});
