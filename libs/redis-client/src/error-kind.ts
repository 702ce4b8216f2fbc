/** Why Redis did not do something, in the words of the metric `holdfast_redis_errors_total`. */
export type RedisErrorKind =
  | 'timeout'
  | 'closed'
  | 'unreachable'
  | 'tls'
  | 'auth'
  | 'loading'
  | 'memory'
  | 'readonly'
  | 'cluster'
  | 'reply'
  | 'other';

/** The first pattern that matches an error's code or message names its kind. */
const KINDS: readonly (readonly [RegExp, RedisErrorKind])[] = [
  [/timed out|timeout|ETIMEDOUT/i, 'timeout'],
  [/^(LOADING|BUSY|MASTERDOWN)\b/, 'loading'],
  [/^OOM\b/, 'memory'],
  [/^(READONLY|NOREPLICAS)\b/, 'readonly'],
  [/^(NOAUTH|WRONGPASS|NOPERM)\b|invalid password|invalid username/i, 'auth'],
  [/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT)\b|Too many Cluster redirections/, 'cluster'],
  [/certificate|_TLS_|\bSSL\b|EPROTO|ERR_SSL/i, 'tls'],
  [
    /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|startup nodes|sentinels are unreachable|refresh slots/,
    'unreachable',
  ],
  [/ECONNRESET|EPIPE|is closed|isn't writeable|isn't ready|max retries per request|aborted|is ended/i, 'closed'],
];

/** Sorts what ioredis rejects with, or reports, by what an operator would do about it. */
export function redisErrorKind(error: unknown): RedisErrorKind {
  if (!(error instanceof Error)) return 'other';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const found = KINDS.find(([pattern]) => pattern.test(error.message) || pattern.test(code));
  return found?.[1] ?? (error.name === 'ReplyError' ? 'reply' : 'other');
}
