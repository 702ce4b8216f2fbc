/**
 * Every key and channel of the product is named here (K1–K4, K7). The Lua parts derive the names of a session's other
 * keys, and of its channel, from the log key.
 */

/** Where a deployment's names are valid (K7). Two deployments with the same scope are one. */
export interface NameScope {
  /** `REDIS_KEY_PREFIX`: begins every key and channel. Up to 64 letters, digits, `.`, `_`, `:` and `-`. Default empty. */
  readonly keyPrefix?: string;
  /** The Redis database, from 0. A cluster has only 0. Keys belong to a database by themselves; channels do not. */
  readonly database?: number;
}

/** The names of one deployment. */
export interface Names {
  /** K1: the session's JSON, a string. */
  sessionKey(sessionId: string): string;
  /**
   * K2: the session's messages, a stream whose entry ids are `SEQ-0`. The tag hashes to the slot of the session's key
   * (K4).
   */
  logKey(sessionId: string): string;
  /** K2: notes how many bytes the log has, while it has a large message. */
  sizeKey(sessionId: string): string;
  /** K3: the channel on which everything that happens in the session is published. */
  liveChannel(sessionId: string): string;
  /** What follows on `{…}:` in {@link liveChannel}: scripts build the channel from it. */
  readonly liveEnding: string;
  /** A4: an index of the names in the log, a sorted set. It is made when retries have to be searched for. */
  nameIndexKey(sessionId: string): string;
  /** G5, A6: tells which epoch was deleted or put into quarantine. */
  tombstoneKey(sessionId: string): string;
  /** A6: the beginning of the keys that hold an unreadable session for a day. A time and `session` or `log` follow. */
  quarantinePrefix(sessionId: string): string;
  /** W1: marks when the session's log was first seen without its session. Expires by itself. */
  orphanKey(sessionId: string): string;
  /** W4: the sweepers' last report, a hash with one JSON per audit. Expires when no audit renews it. */
  readonly auditReportKey: string;
  /** What BullMQ puts before its keys. A tag puts all of them on one shard of a cluster (K4). */
  readonly auditQueuePrefix: string;
  /**
   * W6: exists for one interval after a round of the audit was begun. It stands beside the keys of BullMQ because the
   * permissions of existing sweepers reach it there.
   */
  auditBegunKey(audit: string): string;
  /** The channel of operator broadcasts (V9, P5). Every gateway of both colours subscribes to it. */
  readonly broadcastChannel: string;
  /**
   * F8: a broadcast as it was given, for a minute. It stands among the keys of sessions, under an id that no session has,
   * because the permissions of existing gateways and APIs reach it there.
   */
  broadcastKey(id: string): string;
  /**
   * M1: a counter of a limit; it ends with its window. It stands among the keys of sessions, under an id that no session
   * has, because the permissions of existing gateways and APIs reach it there. Each is in a slot of its own.
   */
  limitKey(limited: string, who: string): string;
  /**
   * U11, U12: what operators have ordered about users and sessions, a sorted set of names by moments. It stands among the
   * keys of sessions for the same reason, and so does {@link ordersChannel}.
   */
  ordersKey(kind: 'revoked' | 'disconnected'): string;
  /** U13: the channel on which names of new orders are published. It lives on the shard of their keys. */
  readonly ordersChannel: string;
  /** F3: a channel that only the gateway with this name uses. */
  canaryChannel(name: string): string;
  /** Matches every {@link sessionKey} whose id has this beginning, and keys whose {@link sessionIdOf} is no session id. */
  sessionKeyPattern(idPrefix?: string): string;
  /** What stands in the place of the id in a name that is formed like {@link sessionKey}, {@link logKey} or {@link liveChannel}. */
  sessionIdOf(key: string): string | undefined;
}

const KEY_PREFIX = /^[A-Za-z0-9._:-]{0,64}$/;

/**
 * Names the keys and channels of a deployment. No session id, and no other scope, leads to the same name, because
 * neither an id nor a prefix can hold a brace or an `@`, and no id a colon.
 *
 * @throws {RangeError} when the prefix has other characters than are allowed, or the database is no whole number
 */
export function namesOf({ keyPrefix = '', database = 0 }: NameScope = {}): Names {
  if (!KEY_PREFIX.test(keyPrefix)) {
    throw new RangeError('the key prefix must be at most 64 letters, digits, dots, underscores, colons and hyphens');
  }
  if (!Number.isInteger(database) || database < 0) throw new RangeError('the database must be a whole number');
  // Pub/sub knows no databases. Database 0 has the names that releases before K7 use.
  const ofDatabase = database === 0 ? '' : `@${database}`;
  const session = `${keyPrefix}session:`;
  const sessionKey = (sessionId: string): string => session + sessionId;
  // The tag is the whole key of the session, so that both hash to one slot (K4). The prefix stands before it once more,
  // so that every name begins with the prefix, as permissions ask for it.
  const tagged = (sessionId: string): string => `${keyPrefix}{${session}${sessionId}}:`;
  const beforeId = `${keyPrefix}{${session}`;
  const liveEnding = `live${ofDatabase}`;
  const auditQueuePrefix = `${keyPrefix}{bull}`;
  return {
    sessionKey,
    logKey: (sessionId) => `${tagged(sessionId)}log`,
    sizeKey: (sessionId) => `${tagged(sessionId)}size`,
    liveChannel: (sessionId) => tagged(sessionId) + liveEnding,
    liveEnding,
    nameIndexKey: (sessionId) => `${tagged(sessionId)}names`,
    tombstoneKey: (sessionId) => `${tagged(sessionId)}tombstone`,
    quarantinePrefix: (sessionId) => `${tagged(sessionId)}quarantine:`,
    orphanKey: (sessionId) => `${tagged(sessionId)}orphan`,
    auditReportKey: `${keyPrefix}holdfast:audit`,
    auditQueuePrefix,
    auditBegunKey: (audit) => `${auditQueuePrefix}:begun:${audit}`,
    broadcastChannel: `${keyPrefix}holdfast:broadcast${ofDatabase}`,
    broadcastKey: (id) => `${tagged('')}broadcast:${id}`,
    limitKey: (limited, who) => `${tagged(`!${who}`)}limit:${limited}`,
    ordersKey: (kind) => `${tagged('')}${kind}`,
    ordersChannel: `${tagged('')}orders${ofDatabase}`,
    canaryChannel: (name) => `${keyPrefix}holdfast:canary:${name}${ofDatabase}`,
    sessionKeyPattern: (idPrefix = '') => `${session}${escapePattern(idPrefix)}*`,
    sessionIdOf: (key) => {
      if (key.startsWith(session)) return key.slice(session.length);
      if (!key.startsWith(beforeId)) return undefined;
      for (const ending of ['}:log', `}:${liveEnding}`]) {
        if (key.endsWith(ending)) return key.slice(beforeId.length, -ending.length);
      }
      return undefined;
    },
  };
}

/** Escapes what SCAN would read as a pattern. */
function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}

/** The names of a deployment on database 0 without a prefix, as operators and tests write them. */
export const {
  sessionKey,
  logKey,
  sizeKey,
  liveChannel,
  nameIndexKey,
  tombstoneKey,
  quarantinePrefix,
  orphanKey,
  auditBegunKey,
  broadcastKey,
  limitKey,
  ordersKey,
  ordersChannel: ORDERS_CHANNEL,
  sessionIdOf,
  auditReportKey: AUDIT_REPORT_KEY,
  auditQueuePrefix: AUDIT_QUEUE_PREFIX,
  broadcastChannel: BROADCAST_CHANNEL,
} = namesOf();
