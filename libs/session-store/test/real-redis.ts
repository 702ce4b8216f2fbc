import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll } from 'vitest';
import { type RedisStores, redisStores, type Store, type StoreOptions } from './stores.js';

/** What {@link setUpRedis} has set up for the tests of this file. */
export let stores: RedisStores;
export let store: Store;

/** For all tests of a file: a redis-server of their own, and a store on it. */
export function setUpRedis(options: StoreOptions = {}): void {
  beforeAll(async () => {
    stores = await redisStores();
    store = stores.create(options);
  });
  afterAll(async () => {
    await stores.close();
    await stopAll();
  });
}
