export { closeRedisSessionManager, getRedisSessionManager } from './get-redis-session-manager.js';
export * from './keys.js';
export {
  decodeLive,
  encodeSessionEvent,
  encodeSignal,
  encodeStored,
  encodeUnstored,
  headOf,
  type LivePayload,
  liveMessageOf,
  logEntryOf,
  type SessionEvent,
  unstoredFrame,
} from './live-payload.js';
export type { LiveChannels, MemorySessionStoreOptions } from './memory-session-log.js';
export { MemorySessionStore } from './memory-session-store.js';
export { messageName } from './message-name.js';
export { idHash, type LiveMessage, type MessageRun, messageIdHash, messageRun, splitAtHoles } from './message-run.js';
export { pooled } from './pooled.js';
export * from './port.js';
export type { RedisSessionStoreOptions } from './redis-session-log.js';
export { type ManagedSession, manage, RedisSessionManager } from './redis-session-manager.js';
export { RedisSessionStore } from './redis-session-store.js';
export { defineScript, type Script, type ScriptConstants } from './script.js';
export { parseSession, RESERVED_FIELDS, renderSession, type SessionState } from './session-json.js';
export { storedFrame } from './stored-frame.js';
