/** Every Redis key of the product is built here (K1–K4). The Lua parts derive the same names from the log key. */

const SESSION_PREFIX = 'session:';

/** K1: the session's JSON, a string. */
export function sessionKey(sessionId: string): string {
  return `${SESSION_PREFIX}${sessionId}`;
}

/**
 * K2: the session's messages, a stream whose entry ids are `SEQ-0`. The tag hashes to the slot of the session's key
 * (K4).
 */
export function logKey(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:log`;
}

/** K3: the channel on which everything that happens in the session is published. */
export function liveChannel(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:live`;
}

/** G5, A6: tells which epoch was deleted or put into quarantine. */
export function tombstoneKey(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:tombstone`;
}

/** A6: the beginning of the keys that hold an unreadable session for a day. A time and `session` or `log` follow. */
export function quarantinePrefix(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:quarantine:`;
}

/** W1: marks when the session's log was first seen without its session. Expires by itself. */
export function orphanKey(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:orphan`;
}

/** W4: the sweepers' last report, a hash with one JSON per audit. Expires when no audit renews it. */
export const AUDIT_REPORT_KEY = 'holdfast:audit';

/**
 * W6: exists for one interval after a round of the audit was begun. It stands beside the keys of BullMQ because the
 * permissions of existing sweepers reach it there.
 */
export function auditBegunKey(audit: string): string {
  return `{bull}:begun:${audit}`;
}

/** Matches the keys of {@link sessionKey} only. */
export const SESSION_KEY_PATTERN = `${SESSION_PREFIX}*`;

/** The session id in a key of {@link sessionKey} or {@link logKey}; nothing in any other key. */
export function sessionIdOf(key: string): string | undefined {
  if (key.startsWith(SESSION_PREFIX)) return key.slice(SESSION_PREFIX.length);
  const log = /^\{session:(.+)\}:log$/.exec(key);
  return log?.[1];
}
