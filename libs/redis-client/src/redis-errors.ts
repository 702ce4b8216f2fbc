/**
 * Every text by which an error of Redis or of ioredis is recognised stands in this file. Other files ask by name what
 * an error means; a test holds that none of them matches texts by itself.
 */

/** Why Redis did not do something: the label `kind` of the metric `holdfast_redis_errors_total`. */
export type RedisErrorKind =
  /** No answer came in time. */
  | 'timeout'
  /** The connection broke, or there was none. */
  | 'closed'
  /** No connection could be made. */
  | 'unreachable'
  /** The TLS handshake failed. */
  | 'tls'
  /** The credentials are missing, wrong, or do not permit the command. */
  | 'auth'
  /** The server is there and not usable yet: it reads its data back, runs a long script, or has lost its master. */
  | 'loading'
  /** The server is full. */
  | 'memory'
  /** The server is a replica, or has too few replicas to accept writes. */
  | 'readonly'
  /** The cluster cannot serve the key's slot now. */
  | 'cluster'
  /** Any other answer of the server: the command is wrong. */
  | 'reply'
  /** Nothing that this table knows. */
  | 'other';

/** The first row whose pattern matches the error's message or code gives its kind. */
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
  return found?.[1] ?? (isReply(error) ? 'reply' : 'other');
}

/**
 * Whether the key's slot is being moved to another node (A7). The same command works soon, so a short pause is enough.
 * Inside a script a key of such a slot is "non local". The error may be wrapped, as long as its message was kept.
 */
export function isSlotMoving(error: unknown): boolean {
  return error instanceof Error && /\bTRYAGAIN\b| non local key /.test(error.message);
}

/**
 * Whether a Redis that is there and works has refused the command: the command itself is wrong or not permitted, and
 * sending it again is of no use. Any other error means that Redis cannot do it now.
 */
export function isCommandRefused(error: unknown): boolean {
  return isReply(error) && /^(ERR|WRONGTYPE|NOPERM)\b/.test(error.message) && !isSlotMoving(error);
}

/**
 * Whether a script raised the error while it ran. What it had written by then stays written: nobody knows whether the
 * call was carried out. Redis 7 names the script and its line at the end, Redis 6 at the beginning.
 */
export function isRaisedInScript(error: unknown): error is Error {
  return isReply(error) && /@user_script\b/.test(error.message);
}

/**
 * Whether the server cannot write now and can again without anybody changing the command: it is full, cannot save, is
 * or became a replica, or its cluster does not serve the slot. Also where a script met that state.
 */
export function cannotWriteNow(error: unknown): boolean {
  return isReply(error) && /\b(OOM|MISCONF|READONLY|NOREPLICAS|CLUSTERDOWN|TRYAGAIN)\b/.test(error.message);
}

/**
 * What a user's access list does not permit, by what Redis says: a command, one of its keys, or a channel. Inside a
 * script Redis 6 and 7.0 have other words than outside, and 7.0 leaves out the code.
 *
 * @returns nothing where Redis speaks of something else
 */
export function deniedPermission(message: string): 'command' | 'key' | 'channel' | undefined {
  if (!/\bNOPERM\b|ACL failure in script|The user executing the script can't/.test(message)) return undefined;
  if (/permissions to run|can't run this command/.test(message)) return 'command';
  return /channel/.test(message) ? 'channel' : 'key';
}

/** Whether the server does not have the script that it was told to run by its hash. Nothing was done. */
export function isScriptUnknown(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** Whether SCAN was given a cursor that no server gave. The stores' RangeError for such a cursor has the same words. */
export function isCursorInvalid(error: unknown): boolean {
  return error instanceof Error && /invalid cursor/.test(error.message);
}

/** Whether a write was sent to a server that has become a replica. Nothing was written. */
export function isDemotedMaster(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('READONLY');
}

/**
 * Commands without which a connection is not what its settings say. ioredis sends them by itself and only emits their
 * failures. A refused `CLIENT SETNAME` is not among them: the connection works, and has no name in `CLIENT LIST`.
 */
const HANDSHAKE: ReadonlySet<string> = new Set(['auth', 'hello', 'info', 'select']);
/** Refusals that last until somebody changes a setting here or at the server. */
const LASTING =
  /^(NOAUTH|WRONGPASS|NOPERM)\b|invalid password|invalid username|DB index|SELECT is not allowed|unknown command/i;

/** Whether Redis has refused the database that the connection was to use. ioredis would go on in database 0. */
export function isDatabaseRefused(error: unknown): boolean {
  return isReply(error) && commandOf(error)?.name === 'select';
}

/**
 * What an operator has to put right when Redis refuses a step of a connection's handshake, in a sentence without
 * credentials (D7). Nothing for every other error: those get better by themselves.
 */
export function handshakeRefusal(error: unknown): string | undefined {
  if (!isReply(error)) return tlsRefusal(error);
  const { name = '', args = [] } = commandOf(error) ?? {};
  if (!HANDSHAKE.has(name) || !(name === 'select' || LASTING.test(error.message))) return undefined;
  const command = name === 'select' ? `SELECT ${args[0]}` : name.toUpperCase();
  const advice: Readonly<Record<string, string>> = {
    select: 'the database in the URL does not exist there, or this user may not use it',
    info: 'the command must be neither renamed nor forbidden',
  };
  const fallback = 'check the user and the password in the URL';
  return `Redis refuses ${command} while a connection is made (${error.message}): ${advice[name] ?? fallback}`;
}

/** Errors of certificates: the codes of Node and OpenSSL, and the alerts of servers. */
const CERTIFICATE =
  /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET)|CERT_|ERR_TLS_CERT|alert (certificate|bad certificate|unknown ca|no certificate)/i;

function tlsRefusal(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (!CERTIFICATE.test(code) && !CERTIFICATE.test(error.message)) return undefined;
  return /alert/i.test(error.message)
    ? `Redis refuses the TLS certificate of this process, or asks for one (${code}): check REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE`
    : `the TLS certificate of Redis is not trusted (${code}): check REDIS_TLS_CA_FILE, and the host in the URL`;
}

function commandOf(error: Error): { readonly name?: string; readonly args?: readonly unknown[] } | undefined {
  return 'command' in error && typeof error.command === 'object' ? (error.command ?? undefined) : undefined;
}

/** @param reply the first line of what a server answers, as it comes over the wire */
export function asksForPassword(reply: string): boolean {
  return reply.startsWith('-NOAUTH');
}

/** What a command rejects with that got no answer in time: the words of ioredis. */
export function commandTimedOut(): Error {
  return new Error('Command timed out');
}

/** What a connection is destroyed with that got no data in time: the words of ioredis. */
export function socketTimedOut(ms: number): Error {
  return new Error(`Socket timeout. Expecting data, but didn't receive any in ${ms}ms.`);
}

/** What a command rejects with that has no connection: the words of ioredis. */
export function connectionClosed(detail?: string): Error {
  return new Error(detail === undefined ? 'Connection is closed.' : `Connection is closed: ${detail}`);
}

/** Whether the error is an answer of the server rather than a failure to get one. */
function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** Texts behind which Redis repeats the arguments of a command, and ioredis a reply that nobody has asked for. */
const REPEATS = /(with args beginning with|Last reply): [\s\S]*/;

/**
 * Takes out of an error what members wrote, and credentials (N1). ioredis keeps the failed command's arguments beside the
 * error, and some texts repeat arguments or replies. What is left may be logged, answered and stored.
 */
export function forgetContents(error: unknown): void {
  if (!(error instanceof Error)) return;
  const command = commandOf(error);
  // The number of the database is needed to tell an operator what is refused.
  if (command) Object.assign(error, { command: { name: command.name, args: keptArguments(command) } });
  if (!REPEATS.test(error.message)) return;
  const [repeated, message] = [error.message, error.message.replace(REPEATS, '$1: [redacted]')];
  const { stack } = error;
  error.message = message;
  // The stack begins with the message that the error was made with.
  if (stack !== undefined) error.stack = stack.replace(repeated, () => message);
}

function keptArguments({ name, args = [] }: { name?: string; args?: readonly unknown[] }): readonly unknown[] {
  return name === 'select' ? args : [];
}
