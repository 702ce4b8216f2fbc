import type { PermissionNeed } from '@holdfast/redis-client';
import { type Names, UNUSED_ID } from '@holdfast/session-store';

/**
 * What a sweeper needs of Redis (D7): it reads every session and log, repairs them, keeps the report, and runs BullMQ.
 *
 * @param dryRun whether it repairs nothing
 */
export function sweeperPermissions(names: Names, dryRun: boolean): PermissionNeed[] {
  const session = names.sessionKey(UNUSED_ID);
  const log = names.logKey(UNUSED_ID);
  const job = `${names.auditQueuePrefix}:${UNUSED_ID}`;
  const report = names.auditReportKey;
  const repairs = [
    ['set', session, '', 'XX'],
    ['pexpireat', session, '1'],
    ['pexpireat', log, '1'],
    ['del', log],
    ['unlink', log],
  ];
  return [
    {
      keys: [session, log],
      commands: [
        ['time'],
        ['scan', '0', 'COUNT', '1'],
        ['get', session],
        ['exists', session],
        ['pttl', session],
        ['pttl', log],
        ['xrevrange', log, '+', '-', 'COUNT', '1'],
        ...(dryRun ? [] : repairs),
      ],
    },
    // The last two have wrong arguments, which Redis looks at after the permissions: a report that is there stays.
    {
      keys: [],
      commands: [
        ['hget', report, UNUSED_ID],
        ['hset', report, UNUSED_ID, '', UNUSED_ID],
        ['expire', report, '-'],
      ],
    },
    {
      keys: [job],
      // The first one makes the key a text, on which all others but those about expiry fail behind the permissions.
      commands: [
        ['set', job, 'a', 'PX', '1000'],
        ...['get', 'incr', 'llen', 'hgetall', 'smembers', 'scard', 'zcard', 'exists', 'pttl'].map((name) => [
          name,
          job,
        ]),
        ...['hget', 'lpush', 'rpush', 'sadd', 'srem', 'zrem', 'zscore', 'hmget'].map((name) => [name, job, 'a']),
        ...['hset', 'hmset', 'lrem', 'zadd'].map((name) => [name, job, '1', 'a']),
        ...['lrange', 'zrange', 'zrangebyscore', 'zrevrange', 'zremrangebyrank'].map((name) => [name, job, '0', '0']),
        ['hincrby', job, 'a', '1'],
        ['rpoplpush', job, job],
        ['zpopmin', job],
        ['expire', job, '1'],
        ['xadd', job, '*', 'a', 'b'],
        ['xtrim', job, 'MAXLEN', '1'],
        ['del', job],
      ],
      direct: [['bzpopmin', job, '0.01'], ['exec']],
    },
  ];
}
