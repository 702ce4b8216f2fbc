import { Cluster, Redis } from 'ioredis';
import {
  type ConnectionRole,
  type ConnectionSettings,
  clusterOptions,
  nodeOptions,
  redisOptions,
} from './connection-options.js';
import { installPatientTimeouts } from './patient-timeout.js';

/** A connection, or a cluster's set of connections, that reconnects by itself until it is closed. */
export type RedisClient = Redis | Cluster;

export interface RedisClientOptions {
  /** Shown by `CLIENT LIST`. No spaces. */
  readonly name: string;
  readonly role: ConnectionRole;
  /** Called for every failure of the connection itself, also for each failed attempt to connect. Default: nothing. */
  readonly onError?: (error: Error) => void;
}

/** A command connection, and what subscribes beside it: one connection, or one to each node of a cluster. */
export type SubscriberConnections =
  | { readonly publisher: Redis; readonly subscriber: Redis }
  | {
      readonly publisher: Cluster;
      readonly subscriber: (address: { readonly host: string; readonly port: number }) => Redis;
    };

/**
 * Connects to Redis. The client tries again and again, with growing, jittered pauses of at most half a second (D2).
 *
 * A command of role `commands` or `subscriber` is sent at most once (A5). It rejects at the latest after
 * `settings.timeoutMs`, and at once when there is no connection (D1, D2); a process that was held up first reads the
 * answers that may have come. Whether a rejected command was carried out is unknown, unless Redis refused it.
 *
 * After a reconnect the caller restores its subscriptions, so that it can catch up on what it missed. Only a cluster's
 * sharded subscriptions are restored by ioredis.
 *
 * @throws {TypeError} when the settings name no server
 */
export function createRedis(settings: ConnectionSettings, options: RedisClientOptions): RedisClient {
  installPatientTimeouts();
  const { name, role, onError = ignore } = options;
  if (settings.mode === 'cluster') {
    const { nodes, options: given } = clusterOptions(settings, name, role);
    const cluster = new Cluster(nodes, given);
    cluster.on('error', onError);
    cluster.on('node error', onError);
    return cluster;
  }
  const redis = new Redis(redisOptions(settings, name, role));
  redis.on('error', onError);
  return redis;
}

/**
 * Connects for commands as often as `settings.poolSize` says. The caller closes each.
 *
 * @throws {TypeError} when the settings name no server
 */
export function createRedisPool(
  settings: ConnectionSettings & { readonly poolSize: number },
  options: Omit<RedisClientOptions, 'role'>,
): readonly [RedisClient, ...RedisClient[]] {
  const connect = (): RedisClient => createRedis(settings, { ...options, role: 'commands' });
  return [connect(), ...Array.from({ length: settings.poolSize - 1 }, connect)];
}

/**
 * Connects for subscriptions. The connections reconnect by themselves until they are closed; what was subscribed is the
 * caller's to restore (F4).
 *
 * @param publisher a command connection to the same Redis
 * @throws {TypeError} when the settings name no server
 */
export function connectSubscriber(
  settings: ConnectionSettings,
  publisher: RedisClient,
  { name, onError = ignore }: Omit<RedisClientOptions, 'role'>,
): SubscriberConnections {
  if (publisher instanceof Cluster) {
    const subscriber = (address: { host: string; port: number }): Redis => {
      const redis = new Redis({ ...nodeOptions(settings, name, 'subscriber'), ...address });
      redis.on('error', onError);
      return redis;
    };
    return { publisher, subscriber };
  }
  const subscriber = createRedis(settings, { name, onError, role: 'subscriber' });
  if (subscriber instanceof Cluster) throw new TypeError('the publisher is no connection to this cluster');
  return { publisher, subscriber };
}

/**
 * Closes the client for good: lets commands in flight finish when Redis answers, and drops them when it does not.
 * Resolves when no socket or timer of the client is left. Calling it again is harmless.
 *
 * @param timeoutMs milliseconds that commands in flight may take
 */
export async function closeRedis(client: RedisClient, timeoutMs = 1000): Promise<void> {
  if (client.status === 'end') return;
  // Between two attempts to connect there is no socket whose close would end the client.
  const connected = client.status !== 'reconnecting';
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  const timer = setTimeout(() => client.disconnect(), timeoutMs);
  try {
    await client.quit();
  } catch {
    // Without a connection nothing is in flight that could be waited for.
    client.disconnect();
  }
  if (connected) await ended;
  clearTimeout(timer);
}

/** Without a listener ioredis prints every failure. None is lost, because commands reject as well. */
function ignore(): void {
  // Nothing to do.
}
