/**
 * Values of labels that are known before they happen. Each is exposed with 0 from the start, or the first event of its
 * kind would be invisible to `rate()`. A test holds close codes and error codes against the protocol.
 */

/** What servers or browsers close with; any other code, for clients may invent some, counts as `other`. */
export const CLOSE_CODES: readonly string[] = [
  1000, 1001, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4401, 4403, 4404, 4408, 4429,
].map(String);

/** HTTP statuses that refuse an upgrade (C2, C4). */
export const REFUSALS = ['400', '401', '403', '429', '503'] as const;

/** Codes of error frames (V11). */
export const ERROR_CODES = [
  'invalid_frame',
  'empty_message',
  'message_too_large',
  'rate_limited',
  'forbidden',
  'unauthorized',
  'not_stored',
  'overloaded',
] as const;

/** What `sync(room)` did. */
export const SYNC_OUTCOMES = ['unchanged', 'delivered', 'gap', 'healed', 'forked', 'reset', 'ended', 'failed'] as const;
export type SyncOutcome = (typeof SYNC_OUTCOMES)[number];

export const DRAIN_STATES = ['serving', 'draining', 'drained'] as const;
export type DrainState = (typeof DRAIN_STATES)[number];

/** Why Redis did not do something; `redisErrorKind` of `@holdfast/redis-client` tells. */
export const REDIS_ERROR_KINDS = [
  'timeout',
  'closed',
  'unreachable',
  'tls',
  'auth',
  'loading',
  'memory',
  'readonly',
  'cluster',
  'reply',
  'other',
] as const;
export type RedisErrorKind = (typeof REDIS_ERROR_KINDS)[number];
