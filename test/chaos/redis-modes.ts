import {
  type ClusterOptions,
  type RedisCluster,
  type SentinelOptions,
  type SentinelSet,
  startCluster,
  startSentinel,
} from '@holdfast/testkit';
import { REDIS_TIMEOUT_MS, type Services, startServices } from './system.js';

const TIMEOUT = { REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS) };

/** The environment of every process on a cluster. */
export function clusterEnv({ urls }: RedisCluster): Record<string, string> {
  return { REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: urls.join(',') };
}

/** The environment of every process behind Sentinels. */
export function sentinelEnv({ urls, masterName }: SentinelSet): Record<string, string> {
  return { REDIS_MODE: 'sentinel', CHANNEL_REDIS_URL: urls.join(','), REDIS_SENTINEL_MASTER: masterName };
}

/** Starts services on a Redis Cluster. */
export async function startOnCluster(options: ClusterOptions = {}): Promise<Services & { cluster: RedisCluster }> {
  const cluster = await startCluster(options);
  const env = { ...clusterEnv(cluster), ...TIMEOUT };
  return { cluster, ...(await startServices({ one: env, two: env, api: env })) };
}

/** Starts services on a master and its replica behind Sentinels. */
export async function startOnSentinels(options: SentinelOptions = {}): Promise<Services & { set: SentinelSet }> {
  const set = await startSentinel(options);
  const env = { ...sentinelEnv(set), ...TIMEOUT };
  return { set, ...(await startServices({ one: env, two: env, api: env })) };
}
