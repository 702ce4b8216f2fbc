import type { RedisClient } from '@holdfast/redis-client';
import { Cluster, type Redis } from 'ioredis';

/** A Redis server with keys of its own. */
export interface Master {
  /** `host:port`; behind Sentinels the name that they give it, because its address changes. Stands in the report. */
  readonly name: string;
  /** A client of this server only. */
  readonly redis: Redis;
}

/** Every master: one, or the known ones of a cluster. */
export function mastersOf(client: RedisClient): Master[] {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  return nodes.map((redis) => ({ name: nameOf(redis), redis }));
}

function nameOf({ options }: Redis): string {
  return options.sentinels && options.name ? options.name : `${options.host}:${options.port}`;
}
