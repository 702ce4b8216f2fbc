import { DEFAULT_MESSAGE_HISTORY_MAX, DEFAULT_SESSION_MAX_BYTES } from '@holdfast/protocol';
import type { Names } from './keys.js';
import { largeBytesOf } from './log-bounds.js';
import type { ScriptConstants } from './script.js';

export interface RedisSessionStoreOptions {
  /** Of keys and channels (K7). Default: those of the client's database, without a prefix. */
  readonly names?: Names;
  /** Seconds a new session lives after its last activity (T1). Default 3600. */
  readonly defaultTtl?: number;
  /** Messages kept per session (K2). Default 1000. */
  readonly historyMax?: number;
  /** Bytes kept per session (K2). Default 16 MiB. */
  readonly sessionMaxBytes?: number;
  /** Makes the random end of an epoch; 1 or more characters of C2. */
  readonly nonce?: () => string;
  /** About how many bytes of a log one script call reads in search of duplicates (A4). Default 1 MiB. */
  readonly searchBytes?: number;
  /** Whether contents may be encrypted (E1): a `SealedSessionStore` with keys stands before this store. Default false. */
  readonly sealed?: boolean;
  /** Called when Redis has taken a step and refused to publish it, with what Redis said. Default: nothing. */
  readonly onUnpublished?: (reason: string) => void;
}

/** So much of a log is read within a few milliseconds. */
const SEARCH_BYTES = 1_048_576;

/** What stands in the scripts of a store. */
export function constantsOf(options: RedisSessionStoreOptions, names: Names, isCluster: boolean) {
  const historyMax = options.historyMax ?? DEFAULT_MESSAGE_HISTORY_MAX;
  const sessionMaxBytes = options.sessionMaxBytes ?? DEFAULT_SESSION_MAX_BYTES;
  const sealed = options.sealed ?? false;
  return {
    historyMax,
    sessionMaxBytes,
    largeBytes: largeBytesOf({ entries: historyMax, bytes: sessionMaxBytes }),
    searchBytes: options.searchBytes ?? SEARCH_BYTES,
    live: names.liveEnding,
    // In a cluster a session's channel lives on its shard (K3).
    publish: isCluster ? 'SPUBLISH' : 'PUBLISH',
    numsub: isCluster ? 'SHARDNUMSUB' : 'NUMSUB',
    stored: sealed ? 'e' : 'm',
    sealed,
  } as const satisfies ScriptConstants;
}
