export { closeRedis } from './close-redis.js';
export { connectSubscriber, type SubscriberConnections } from './connect-subscriber.js';
export type { ConnectionRole, ConnectionSettings } from './connection-options.js';
export { createRedis, type RedisClient, type RedisClientOptions } from './create-redis.js';
export { createRedisPool } from './create-redis-pool.js';
export {
  asksForPassword,
  commandTimedOut,
  connectionClosed,
  isCommandRefused,
  isScriptUnknown,
  isSlotMoving,
  type RedisErrorKind,
  redisErrorKind,
} from './redis-errors.js';
export { RedisWatch, type RedisWatchOptions } from './redis-watch.js';
export { waitUntilReady } from './wait-until-ready.js';
