import type { PermissionNeed } from '@holdfast/redis-client';
import type { Names } from './keys.js';

/** No session has this id, because of its first character (C2). */
export const UNUSED_ID = '!permissions';

/**
 * What the scripts of the store need of Redis (D7): every command that one of them calls, on keys and on the channel of
 * a session.
 *
 * @param isCluster whether the channel is one of sharded pub/sub
 */
export function storePermissions(names: Names, isCluster: boolean): PermissionNeed {
  const session = names.sessionKey(UNUSED_ID);
  const log = names.logKey(UNUSED_ID);
  const index = names.nameIndexKey(UNUSED_ID);
  const aside = names.quarantinePrefix(UNUSED_ID);
  const channel = names.liveChannel(UNUSED_ID);
  return {
    keys: [session, log],
    commands: [
      ['time'],
      ['get', session],
      ['set', session, '', 'XX'],
      ['del', session],
      ['exists', session],
      ['pttl', session],
      ['pexpire', session, '1'],
      ['pexpireat', session, '1'],
      ['rename', log, aside],
      ['xadd', log, 'NOMKSTREAM', '1-0', 'a', 'b'],
      ['xlen', log],
      ['xrange', log, '-', '+', 'COUNT', '1'],
      ['xrevrange', log, '+', '-', 'COUNT', '1'],
      ['zadd', index, 'XX', '0', 'a'],
      ['zrange', index, '0', '0'],
      ['zscore', index, 'a'],
      ['zremrangebyscore', index, '0', '0'],
      ['pubsub', isCluster ? 'shardnumsub' : 'numsub', channel],
      [isCluster ? 'spublish' : 'publish', channel, ''],
    ],
  };
}
