import { Cluster, Redis } from 'ioredis';
import { type ConnectionSettings, nodeOptions } from './connection-options.js';
import { createRedis, type RedisClient, type RedisClientOptions } from './create-redis.js';

/** A command connection with what subscribes beside it: a connection of its own, or one to each node of a cluster. */
export type SubscriberConnections =
  | { readonly publisher: Redis; readonly subscriber: Redis }
  | {
      readonly publisher: Cluster;
      readonly subscriber: (address: { readonly host: string; readonly port: number }) => Redis;
    };

/**
 * Connects for subscriptions. Like those of {@link createRedis}, such a connection comes back by itself until it is
 * closed; what was subscribed is the caller's to restore, so that it can catch up on what it missed (F4).
 *
 * @throws {TypeError} when the settings name no server
 */
export function connectSubscriber(
  settings: ConnectionSettings,
  publisher: RedisClient,
  { name, onError }: Omit<RedisClientOptions, 'role'>,
): SubscriberConnections {
  const shared = { name, ...(onError && { onError }) };
  if (publisher instanceof Cluster) {
    const subscriber = (address: { host: string; port: number }): Redis => {
      const redis = new Redis({ ...nodeOptions(settings, name, 'subscriber'), ...address });
      redis.on('error', onError ?? (() => undefined));
      return redis;
    };
    return { publisher, subscriber };
  }
  const subscriber = createRedis(settings, { ...shared, role: 'subscriber' });
  if (subscriber instanceof Cluster) throw new TypeError('the publisher is no connection to this cluster');
  return { publisher, subscriber };
}
