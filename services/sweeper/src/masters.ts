import type { RedisClient } from '@holdfast/redis-client';
import { Cluster, type Redis } from 'ioredis';

/** A server that holds keys of its own. */
export interface Master {
  /** `host:port`; in a report it tells where. */
  readonly name: string;
  /** Speaks to this server only. */
  readonly redis: Redis;
}

/** Every master there is: one, or those of the cluster as far as it is known. */
export function mastersOf(client: RedisClient): Master[] {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  return nodes.map((redis) => ({ name: `${redis.options.host}:${redis.options.port}`, redis }));
}
