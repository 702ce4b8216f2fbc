/*
 * Values of labels that are known before they happen. Each is exposed with 0 from the start: otherwise `rate()` would
 * not see the first event of its kind. A test holds close codes and error codes against the protocol.
 */

/** Codes that servers or browsers close with. */
export const CLOSE_CODES: readonly string[] = [
  1000, 1001, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4401, 4403, 4404, 4408, 4429,
].map(String);
/** Stands for all other close codes, which clients may invent. */
export const OTHER_CLOSE_CODE = 'other';

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
  'id_conflict',
  'overloaded',
] as const;

/** The two client protocols. */
export const PROTOCOLS = ['plain', 'framed'] as const;
export type ConnectionProtocol = (typeof PROTOCOLS)[number];

/** Whether the messages of a connection's session are stored. */
export const PERSISTENCES = ['redis', 'none'] as const;
export type ConnectionPersistence = (typeof PERSISTENCES)[number];

/** What came of comparing a room with the log. */
export const SYNC_OUTCOMES = ['unchanged', 'delivered', 'gap', 'healed', 'forked', 'reset', 'ended', 'failed'] as const;
export type SyncOutcome = (typeof SYNC_OUTCOMES)[number];

/**
 * What came through pub/sub and was ignored (F8): the three events of a session, a message that the log does not have, a
 * broadcast that nobody has given, an order that no operator has given, and what cannot be read.
 */
export const UNCONFIRMED_KINDS = [
  'deleted',
  'extended',
  'epoch',
  'message',
  'broadcast',
  'order',
  'unreadable',
] as const;
export type UnconfirmedKind = (typeof UNCONFIRMED_KINDS)[number];

/** Why an encrypted text cannot be opened: `SealFault` of the session store (E1). */
export const UNREADABLE_REASONS = ['key_missing', 'not_authentic'] as const;
export type UnreadableReason = (typeof UNREADABLE_REASONS)[number];

/** What a process can be short of (B7). */
export const SCARCE_RESOURCES = ['memory', 'event_loop', 'descriptors'] as const;
export type ScarceResource = (typeof SCARCE_RESOURCES)[number];

export const DRAIN_STATES = ['serving', 'draining', 'drained'] as const;
export type DrainState = (typeof DRAIN_STATES)[number];

/**
 * Why Redis did not do something: the answers of `redisErrorKind` of `@holdfast/redis-client`. `unpublished`: Redis stored
 * something and refused to publish it (A1).
 */
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
  'unpublished',
  'reply',
  'other',
] as const;
export type RedisErrorKind = (typeof REDIS_ERROR_KINDS)[number];

/** Limits of the HTTP API (M2, M5): requests of an address, of a `sub` and of a key, and new sessions. */
export const API_LIMITS = ['address', 'sub', 'key', 'sessions'] as const;

export type ApiLimit = (typeof API_LIMITS)[number];
