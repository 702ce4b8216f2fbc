export { HoldfastClient } from './client.js';
export type { Clock } from './clock.js';
export type { ConnectionState } from './connection-state.js';
export type { ChatMessage, ClientEvents } from './events.js';
export type {
  ClientStorage,
  HoldfastClientOptions,
  TokenSource,
  WebSocketConstructor,
  WebSocketLike,
} from './options.js';
export type { OutboxEntry, RefusalCode, SendResult } from './outbox.js';
export type { Sending } from './outgoing.js';
