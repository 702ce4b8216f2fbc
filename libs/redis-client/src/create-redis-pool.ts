import type { ConnectionSettings } from './connection-options.js';
import { createRedis, type RedisClient, type RedisClientOptions } from './create-redis.js';

/**
 * Connects as {@link createRedis} does for commands, as often as the settings say. The caller closes each.
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
