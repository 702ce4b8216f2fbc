/** Every Redis key of the product is built here (K1–K4). */

const SESSION_PREFIX = 'session:';

/** K1: the session's JSON, a string. */
export function sessionKey(sessionId: string): string {
  return `${SESSION_PREFIX}${sessionId}`;
}

/** K2: the session's messages, a stream whose entry ids are `SEQ-0`. The tag is the session's own slot (K4). */
export function logKey(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:log`;
}

/** K3: the channel of everything that happens in the session. */
export function liveChannel(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:live`;
}

/** G5: holds the deleted epoch. */
export function tombstoneKey(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:tombstone`;
}

/** A6: where what cannot be read is kept for a day; `NAME` and a time follow. */
export function quarantinePrefix(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:quarantine:`;
}

/** W1: since when the session's log has been seen without its session; expires by itself. */
export function orphanKey(sessionId: string): string {
  return `{${SESSION_PREFIX}${sessionId}}:orphan`;
}

/** W4: the sweepers' last report, a hash with a JSON per audit; expires when no audit renews it. */
export const AUDIT_REPORT_KEY = 'holdfast:audit';

/** Matches the keys of {@link sessionKey} only. */
export const SESSION_KEY_PATTERN = `${SESSION_PREFIX}*`;
/** Matches the keys of {@link logKey} only. */
export const LOG_KEY_PATTERN = `{${SESSION_PREFIX}*}:log`;

/** The id in a key of {@link sessionKey} or {@link logKey}; nothing for any other key. */
export function sessionIdOf(key: string): string | undefined {
  if (key.startsWith(SESSION_PREFIX)) return key.slice(SESSION_PREFIX.length);
  const log = /^\{session:(.+)\}:log$/.exec(key);
  return log?.[1];
}
