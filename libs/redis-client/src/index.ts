export { closeRedis } from './close-redis.js';
export { connectSubscriber, type SubscriberConnections } from './connect-subscriber.js';
export type { ConnectionRole, ConnectionSettings } from './connection-options.js';
export { createRedis, type RedisClient, type RedisClientOptions } from './create-redis.js';
export { createRedisPool } from './create-redis-pool.js';
export { type EncodedArguments, encodeArguments, plainArguments, type ScriptArgument } from './encoded-arguments.js';
export { onSlotMoved, onSlotsRead, shardChannels, slotOwners } from './ioredis-internals.js';
export { interceptMessages } from './message-interceptor.js';
export { PipelinedScript } from './pipelined-script.js';
export {
  asksForPassword,
  connectionClosed,
  isCommandRefused,
  isCursorInvalid,
  isScriptUnknown,
  isSlotMoving,
  type RedisErrorKind,
  redisErrorKind,
} from './redis-errors.js';
export { RedisWatch, type RedisWatchOptions } from './redis-watch.js';
export { waitUntilReady } from './wait-until-ready.js';
