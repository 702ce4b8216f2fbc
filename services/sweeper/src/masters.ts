import type { RedisClient } from '@holdfast/redis-client';
import { Cluster, type Redis } from 'ioredis';

/** A server that holds keys of its own. */
export interface Master {
  /** `host:port`, or what the Sentinels call it, for its address changes; in a report it tells where. */
  readonly name: string;
  /** Speaks to this server only. */
  readonly redis: Redis;
}

/** Every master there is: one, or those of the cluster as far as it is known. */
export function mastersOf(client: RedisClient): Master[] {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  return nodes.map((redis) => ({ name: nameOf(redis), redis }));
}

function nameOf({ options }: Redis): string {
  return options.sentinels && options.name ? options.name : `${options.host}:${options.port}`;
}
