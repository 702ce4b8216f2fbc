import { Cluster } from 'ioredis';
import type { RedisClient } from './create-redis.js';
import { slotOwners } from './ioredis-internals.js';
import { connectionClosed } from './redis-errors.js';

/**
 * Asks Redis whether it answers; of a cluster every master that has slots.
 *
 * @throws {Error} what the first that did not answer failed of
 */
export async function pingAll(client: RedisClient): Promise<void> {
  if (!(client instanceof Cluster)) {
    await client.ping();
    return;
  }
  const owners = new Set(slotOwners(client).filter((node) => node !== undefined));
  const connected = new Map(client.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]));
  const missing = [...owners].find((owner) => !connected.has(owner));
  if (missing !== undefined || owners.size === 0) {
    // A node whose connection broke is connected again once the map of slots names it.
    client.refreshSlotsCache();
    throw connectionClosed(missing ?? 'no node of the cluster is known');
  }
  await Promise.all([...owners].map((owner) => connected.get(owner)?.ping()));
}
