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

/**
 * The time by Redis' clock, Unix milliseconds. What several sweepers compare is measured by it, because their own clocks
 * may differ (W6).
 */
export async function redisNow(client: RedisClient): Promise<number> {
  const [seconds, microseconds] = await client.time();
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}

function nameOf({ options }: Redis): string {
  return options.sentinels && options.name ? options.name : `${options.host}:${options.port}`;
}
