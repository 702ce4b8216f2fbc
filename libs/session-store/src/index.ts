export { CreationLimit } from './creation-limit.js';
export { closeRedisSessionManager, getRedisSessionManager } from './get-redis-session-manager.js';
export * from './keys.js';
export {
  decodeLive,
  encodeSessionEvent,
  encodeSignal,
  encodeStored,
  encodeUnstored,
  endOf,
  type LivePayload,
  type SessionEvent,
} from './live-payload.js';
export { entryBytes, isFullOfBytes, type LogBounds, largeBytesOf } from './log-bounds.js';
export type { LiveChannels, MemorySessionStoreOptions } from './memory-session-log.js';
export { MemorySessionStore } from './memory-session-store.js';
export type { MemorySnapshot } from './memory-sessions.js';
export {
  hasHead,
  headOf,
  type LiveMessage,
  liveMessageOf,
  logEntryOf,
  messageName,
  storedAt,
  storedFrame,
  unstoredFrame,
} from './message-format.js';
export {
  idHash,
  type MessageSegment,
  messageBytes,
  messageIdHash,
  messageSegment,
  splitAtHoles,
} from './message-segment.js';
export {
  type KeepOptions,
  MemoryOrders,
  ORDER_KINDS,
  ORDER_PAGE,
  ORDERS_MAX,
  type OrderKind,
  type OrderStore,
  type Orders,
  orderKeepMs,
  REVOKE_AHEAD_MS,
  RedisOrders,
} from './orders.js';
export { PacedReads, type PacedReadsOptions, type PageWish } from './paced-reads.js';
export { storePermissions, UNUSED_ID } from './permissions.js';
export { pooled } from './pooled.js';
export * from './port.js';
export { readEntries, type StreamEntry } from './redis-reply.js';
export { type ManagedSession, manage, RedisSessionManager } from './redis-session-manager.js';
export { RedisSessionStore } from './redis-session-store.js';
export type { RedisSessionStoreOptions } from './redis-store-options.js';
export { defineScript, type Script, type ScriptConstants } from './script.js';
export { Seal, type SealFault, type SealKey } from './seal.js';
export { isSealedField, type OnUnreadable, readableCustom } from './sealed-message.js';
export { openPayload, sealPayload } from './sealed-payload.js';
export { SealedSessionStore } from './sealed-session-store.js';
export { parseSession, RESERVED_FIELDS, type SessionState } from './session-json.js';
export * from './storage-errors.js';
export {
  type Limited,
  MemoryWindowCounters,
  RedisWindowCounters,
  type RedisWindowCountersOptions,
  WINDOW_MS,
  type WindowCount,
  type WindowCounters,
} from './window-counters.js';
