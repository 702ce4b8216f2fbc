export { closeRedis } from './close-redis.js';
export { connectSubscriber, type SubscriberConnections } from './connect-subscriber.js';
export type { ConnectionRole, ConnectionSettings } from './connection-options.js';
export { createRedis, type RedisClient, type RedisClientOptions } from './create-redis.js';
export { createRedisPool } from './create-redis-pool.js';
export { type RedisErrorKind, redisErrorKind } from './error-kind.js';
export { RedisWatch, type RedisWatchOptions } from './redis-watch.js';
export { waitUntilReady } from './wait-until-ready.js';
