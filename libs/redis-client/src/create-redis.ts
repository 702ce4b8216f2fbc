import { Cluster, Redis } from 'ioredis';
import { type ConnectionRole, type ConnectionSettings, clusterOptions, redisOptions } from './connection-options.js';
import { installPatientTimeouts } from './patient-timeout.js';

/** A connection, or a cluster's set of them, that comes back by itself until it is closed. */
export type RedisClient = Redis | Cluster;

export interface RedisClientOptions {
  /** Shown by `CLIENT LIST`. No spaces. */
  readonly name: string;
  readonly role: ConnectionRole;
  /** Hears of every failure of the connection itself, also of each failed attempt to connect. */
  readonly onError?: (error: Error) => void;
}

/**
 * Connects to Redis, and goes on trying with growing, jittered pauses of at most half a second.
 *
 * A command of role `commands` or `subscriber` is sent at most once (A5) and rejects at the latest after
 * `settings.timeoutMs`, at once when there is no connection (D1, D2); later where this process was held up and may not
 * have read the answer. Whether a rejected one was carried out is unknown, unless Redis refused it. After a reconnect
 * subscriptions are the caller's to restore, so that it can catch up on what it missed; only a cluster's sharded ones
 * ioredis restores itself.
 *
 * @throws {TypeError} when the settings name no server
 */
export function createRedis(settings: ConnectionSettings, options: RedisClientOptions): RedisClient {
  installPatientTimeouts();
  // Without a listener ioredis prints every failure; and none is lost, for commands reject as well.
  const onError = options.onError ?? (() => undefined);
  if (settings.mode === 'cluster') {
    const { nodes, options: given } = clusterOptions(settings, options.name, options.role);
    const cluster = new Cluster(nodes, given);
    cluster.on('error', onError);
    cluster.on('node error', onError);
    return cluster;
  }
  const redis = new Redis(redisOptions(settings, options.name, options.role));
  redis.on('error', onError);
  return redis;
}
