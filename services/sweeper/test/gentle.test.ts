import { AUDIT_REPORT_KEY, logKey, sessionKey } from '@holdfast/session-store';
import { eventually, startRedis, stopAll } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, expect, it } from 'vitest';
import { plantOrphan, plantSessions, startTestSweeper } from './fixture.js';

/** Few beside the million of W5: what one key costs, and one call, does not depend on how many there are. */
const SESSIONS = 8_000;
const ORPHANS = 20;
const LONG_LOG = 2_000;
/** Keys that one SCAN may be asked for. */
const PAGE_MAX = 1_000;

/** Commands that take the same time whatever there is. */
const SHORT = ['exists', 'pttl', 'time', 'get', 'set', 'del', 'unlink', 'expire', 'pexpireat', 'hget', 'hset'];
/** Of a connection, or around those that a script or a transaction runs, which are seen by themselves. */
const AROUND = ['hello', 'client', 'info', 'ping', 'quit', 'eval', 'evalsha', 'multi', 'exec'];

afterAll(stopAll);

/** Whether a command holds Redis up no longer for a million sessions than for one. */
function isGentle([name = '', key = '', ...rest]: readonly string[]): boolean {
  if (AROUND.includes(name) || SHORT.includes(name)) return true;
  // The queue has a handful of jobs and waits for the next one on a connection of its own.
  if (key.startsWith('{bull}:')) return true;
  const [option, count] = rest.slice(-2).map((arg) => arg.toLowerCase());
  if (option !== 'count') return false;
  return name === 'scan' ? Number(count) <= PAGE_MAX : name === 'xrevrange' && count === '1';
}

it('W5: goes over all keys in small pages, with no command that takes longer the more there is', async () => {
  const { url } = await startRedis();
  const redis = new Redis(url);
  await plantSessions(url, SESSIONS, (index) => index % 1_000 === 0);
  const log = redis.pipeline();
  for (let seq = 1; seq <= LONG_LOG; seq++) log.xadd(logKey('s1'), `${seq}-0`, '', `m${seq}",x`);
  await log.expire(logKey('s1'), 600).exec();
  for (let n = 0; n < ORPHANS; n++) await plantOrphan(redis, `orphan-${n}`);

  const monitor = await redis.monitor();
  const commands: string[][] = [];
  monitor.on('monitor', (_time: string, [name = '', ...args]: string[]) => {
    commands.push([name.toLowerCase(), ...args]);
  });
  const { sweeper } = startTestSweeper({ CHANNEL_REDIS_URL: url, AUDIT_INTERVAL_SECONDS: '3600' });
  const json = await eventually('the report', async () => (await redis.hget(AUDIT_REPORT_KEY, 'expiry')) ?? undefined, {
    everyMs: 100,
  });
  await sweeper.close();
  await redis.ping('the end');
  await eventually('all commands to be seen', () => commands.at(-1)?.[1] === 'the end', { everyMs: 2 });
  monitor.disconnect();

  expect(JSON.parse(json)).toMatchObject({ complete: true, looked_at: { sessions: SESSIONS, logs: ORPHANS + 1 } });
  expect(commands.filter((command) => !isGentle(command))).toEqual([]);
  expect(commands.filter(([name]) => name === 'scan').length).toBeGreaterThan(SESSIONS / PAGE_MAX);
  expect(await redis.ttl(sessionKey('s0')), 'repaired').toBeGreaterThan(0);
  await redis.quit();
});
