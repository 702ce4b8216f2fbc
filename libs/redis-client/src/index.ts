export { backoffMs } from './backoff.js';
export type { ConnectionRole, ConnectionSettings } from './connection-options.js';
export {
  closeRedis,
  connectSubscriber,
  createRedis,
  createRedisPool,
  type RedisClient,
  type RedisClientOptions,
  refusalOf,
  type SubscriberConnections,
} from './create-redis.js';
export { type EncodedArguments, encodeArguments, plainArguments, type ScriptArgument } from './encoded-arguments.js';
export { onSlotMoved, onSlotsRead, shardChannels, slotOwners } from './ioredis-internals.js';
export { interceptMessages } from './message-interceptor.js';
export { missingPermissions, missingRule, type PermissionNeed, told, watchPermissions } from './permissions.js';
export { PipelinedScript } from './pipelined-script.js';
export {
  asksForPassword,
  cannotWriteNow,
  connectionClosed,
  isCommandRefused,
  isCursorInvalid,
  isRaisedInScript,
  isScriptUnknown,
  isSlotMoving,
  type RedisErrorKind,
  redisErrorKind,
} from './redis-errors.js';
export { RedisWatch, type RedisWatchOptions } from './redis-watch.js';
export { RedisRefusedError, waitUntilReady } from './wait-until-ready.js';
