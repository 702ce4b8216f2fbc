import { AUDIT_QUEUE_PREFIX, AUDIT_REPORT_KEY, auditBegunKey, logKey, sessionKey } from '@holdfast/session-store';
import {
  eventually,
  type RedisServer,
  SENTINEL_MASTER,
  startCluster,
  startRedis,
  startSentinel,
  stopAll,
} from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AUDIT_QUEUE } from '../src/audit-job.js';
import { plantOrphan, plantSessions, sessionJson, startTestSweeper, type TestSweeper } from './fixture.js';

const sweepers: TestSweeper[] = [];
let server: RedisServer;
let redis: Redis;

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  redis.on('error', () => undefined);
});

afterEach(async () => {
  await Promise.all(sweepers.splice(0).map(({ sweeper }) => sweeper.close()));
  redis.disconnect();
  await server.kill();
});

afterAll(stopAll);

function start(env: Record<string, string> = {}): TestSweeper {
  const sweeper = startTestSweeper({ CHANNEL_REDIS_URL: server.url, ...env });
  sweepers.push(sweeper);
  return sweeper;
}

interface Report {
  complete: boolean;
  dry_run: boolean;
  started_at: number;
  finished_at: number;
  looked_at: Record<string, number>;
  faults: Record<string, { found: number; repaired: number }>;
  findings: { session_id: string; fault: string; repaired: boolean }[];
}

/** The report, once it is one that `fits`. */
function report(fits: (report: Report) => boolean = () => true): Promise<Report> {
  return eventually('the report', async () => {
    const json = await redis.hget(AUDIT_REPORT_KEY, 'expiry');
    if (json === null) return undefined;
    const parsed = JSON.parse(json) as Report;
    return fits(parsed) ? parsed : undefined;
  });
}

describe('the sweeper', () => {
  it('C2, W1: audits sessions that an earlier release stored as . or ..', async () => {
    for (const id of ['.', '..']) await redis.set(sessionKey(id), sessionJson(60));
    start({ AUDIT_INTERVAL_SECONDS: '3600' });
    const { faults } = await report();
    expect(faults['session_without_expiry']).toEqual({ found: 2, repaired: 2 });
  });

  it('W1, W4: audits at start; a finding is repaired, counted, reported and logged with its session', async () => {
    await redis.set(sessionKey('lost'), sessionJson(60));
    const { log, metric } = start({ AUDIT_INTERVAL_SECONDS: '3600' });
    const { faults, findings, complete, looked_at: looked } = await report();
    expect(complete).toBe(true);
    expect(looked['sessions']).toBe(1);
    expect(faults['session_without_expiry']).toEqual({ found: 1, repaired: 1 });
    expect(findings).toMatchObject([{ session_id: 'lost', fault: 'session_without_expiry', repaired: true, ttl: 60 }]);
    expect(await redis.ttl(sessionKey('lost'))).toBeGreaterThan(50);
    const line = JSON.parse(await log.waitFor('session_without_expiry')) as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'warn', sessionId: 'lost', fault: 'session_without_expiry', repaired: true });
    await log.waitFor('Audit expiry finished');
    expect(await metric('holdfast_audit_findings', 'kind="session_without_expiry"')).toBe(1);
    expect(await metric('holdfast_audit_findings', 'kind="orphan_log"')).toBe(0);
    expect(await metric('holdfast_audit_repairs_total', 'kind="session_without_expiry"')).toBe(1);
    expect(await metric('holdfast_audit_runs_total', 'outcome="done"')).toBe(1);
  });

  it('W1: audits again every AUDIT_INTERVAL_SECONDS, and removes an orphan log after AUDIT_GRACE_SECONDS', async () => {
    await plantOrphan(redis, 'lost');
    start({ AUDIT_GRACE_SECONDS: '1' });
    const first = await report();
    expect(first.faults['orphan_log']).toEqual({ found: 1, repaired: 0 });
    const last = await report(({ faults }) => faults['orphan_log']?.repaired === 1);
    expect(last.finished_at - first.finished_at).toBeGreaterThanOrEqual(1);
    expect(await redis.exists(logKey('lost'))).toBe(0);
    await report(({ faults }) => faults['orphan_log']?.found === 0);
  });

  it('W4: repairs nothing with AUDIT_DRY_RUN=true, and says so in the report', async () => {
    await redis.set(sessionKey('lost'), sessionJson(60));
    await plantOrphan(redis, 'orphan');
    start({ AUDIT_DRY_RUN: 'true', AUDIT_GRACE_SECONDS: '0' });
    const { started_at: first } = await report();
    const second = await report(({ started_at: started }) => started > first);
    expect(second.dry_run).toBe(true);
    expect(second.faults['session_without_expiry']).toEqual({ found: 1, repaired: 0 });
    expect(second.faults['orphan_log']).toEqual({ found: 1, repaired: 0 });
    expect(await redis.ttl(sessionKey('lost'))).toBe(-1);
    expect(await redis.exists(logKey('orphan'))).toBe(1);
  });

  it('K5: leaves no key without an expiry but those of BullMQ, which do not grow', async () => {
    const { metric } = start();
    await eventually('some rounds', async () => ((await metric('holdfast_audit_runs_total', 'done')) ?? 0) >= 3);
    const keys = await redis.keys('*');
    const forever = await Promise.all(keys.map(async (key) => [(await redis.ttl(key)) === -1, key] as const));
    expect(forever.filter(([isForever, key]) => isForever && !key.startsWith('{bull}:audits:'))).toEqual([]);
    for (let index = 0; index < 200; index++) await redis.zadd('{bull}:audits:completed', index, `old-${index}`);
    const { started_at: before } = await report();
    await report(({ started_at: started }) => started > before);
    expect(await redis.zcard('{bull}:audits:completed')).toBeLessThanOrEqual(51);
  });

  it('begins no second round while one is under way', async () => {
    await plantSessions(server.url, 20_000, () => false);
    const { metric } = start();
    const other = start();
    const { looked_at: looked } = await report();
    expect(looked['sessions']).toBe(20_000);
    const keys = (await metric('holdfast_audit_keys_total', 'expiry')) ?? 0;
    const others = (await other.metric('holdfast_audit_keys_total', 'expiry')) ?? 0;
    expect(keys + others).toBeLessThan(2 * 20_000);
  });

  it('starts while Redis is away, says that it cannot serve, and begins when Redis is there', async () => {
    await server.kill();
    const { sweeper, log } = start();
    await log.waitFor('Redis is away');
    expect(await sweeper.readiness()).toMatchObject({ ready: false, redis: 'away' });
    await server.start();
    await log.waitFor('Audit expiry finished');
    expect(await sweeper.readiness()).toMatchObject({ ready: true, redis: 'connected' });
    expect(log.matching('Redis is away')).toHaveLength(1);
  });

  it('D4: goes on when Redis comes back empty, without a restart', async () => {
    const { log } = start();
    await report();
    await server.kill();
    await log.waitFor('Redis is away');
    await server.restart({ empty: true });
    await redis.set(sessionKey('lost'), sessionJson(60));
    await report(({ faults }) => faults['session_without_expiry']?.repaired === 1);
    await log.waitFor('Redis is back');
    expect(log.matching('Redis is away')).toHaveLength(1);
  });

  it('W6: audits once per interval although the time of the latest audit was kept by a clock that was put back', async () => {
    await redis.set(auditBegunKey('expiry'), '1', 'PX', 2 * 60 * 60 * 1_000);
    const { metric } = start();
    await eventually('some rounds', async () => ((await metric('holdfast_audit_runs_total', 'done')) ?? 0) >= 3);
    expect(await redis.pttl(auditBegunKey('expiry'))).toBeLessThanOrEqual(1_000);
  });

  it('W6: removes the schedule that a sweeper of an earlier version left in the future, and audits without it', async () => {
    const queue = new Queue(AUDIT_QUEUE, { connection: { url: server.url }, prefix: AUDIT_QUEUE_PREFIX });
    await queue.upsertJobScheduler(
      'expiry',
      { every: 1_000, startDate: Date.now() + 2 * 60 * 60 * 1_000 },
      { name: 'expiry start', data: { kind: 'start', audit: 'expiry' } },
    );
    expect(await queue.getDelayedCount()).toBe(1);
    const { metric } = start();
    await eventually('some rounds', async () => ((await metric('holdfast_audit_runs_total', 'done')) ?? 0) >= 3);
    await eventually('the schedule to be gone', async () => (await queue.getJobSchedulersCount()) === 0);
    await queue.close();
  });

  it('writes its schedule again when somebody flushed Redis', async () => {
    start();
    await report();
    await redis.flushall();
    await report();
  });

  it('closes at once while Redis is away', async () => {
    const { sweeper, log } = start();
    await report();
    await server.kill();
    await log.waitFor('Redis is away');
    const begun = performance.now();
    await sweeper.close();
    expect(performance.now() - begun).toBeLessThan(30_000);
  });

  it('closing twice is closing once', async () => {
    const { sweeper } = start();
    await report();
    expect(sweeper.close()).toBe(sweeper.close());
  });
});

describe('the sweeper behind Sentinels', () => {
  it('W1: audits the master they name, and goes on after a failover', async () => {
    const sentinels = await startSentinel();
    const env = {
      REDIS_MODE: 'sentinel',
      CHANNEL_REDIS_URL: sentinels.urls.join(','),
      REDIS_SENTINEL_MASTER: SENTINEL_MASTER,
    };
    const { log } = start(env);
    await log.waitFor('Audit expiry finished');
    const old = await sentinels.master();
    await old.kill();
    const promoted = await sentinels.failedOverFrom(old);
    await promoted.cli('set', sessionKey('lost'), sessionJson(60));
    const json = await eventually(
      'the report of the new master',
      async () => {
        const text = await promoted.cli('hget', AUDIT_REPORT_KEY, 'expiry');
        return text.includes('"session_id":"lost"') ? text : undefined;
      },
      { timeoutMs: 60_000, everyMs: 100 },
    );
    expect((JSON.parse(json) as { masters: string[] }).masters).toEqual([SENTINEL_MASTER]);
    expect(Number(await promoted.cli('ttl', sessionKey('lost')))).toBeGreaterThan(0);
  }, 90_000);
});

describe('the sweeper of a cluster', () => {
  it('W1: goes over every master, and reports them as one', async () => {
    const nodes = await startCluster();
    const cluster = new Cluster([{ host: '127.0.0.1', port: nodes.nodes[0]?.port ?? 0 }]);
    await eventually('the cluster to take writes', async () => (await cluster.set('probe', '1', 'PX', 1)) === 'OK');
    for (let index = 0; index < 60; index++) await cluster.set(sessionKey(`s${index}`), sessionJson(60));
    start({ REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: nodes.urls.join(','), AUDIT_INTERVAL_SECONDS: '3600' });
    const { masters, faults } = await eventually('the report', async () => {
      const json = await cluster.hget(AUDIT_REPORT_KEY, 'expiry');
      return json === null ? undefined : (JSON.parse(json) as Report & { masters: string[] });
    });
    expect(masters.toSorted()).toEqual(nodes.nodes.map(({ port }) => `127.0.0.1:${port}`).toSorted());
    expect(faults['session_without_expiry']).toEqual({ found: 60, repaired: 60 });
    cluster.disconnect();
  });

  it('W4: reports what it could read, and what it could not, when a master is away', async () => {
    const nodes = await startCluster();
    const needed = await Promise.all(['{bull}', AUDIT_REPORT_KEY].map((key) => nodes.ownerOf(key)));
    const victim = nodes.nodes.find((node) => !needed.includes(node));
    if (!victim) throw new Error('no master to kill');
    const { log, metric } = start({ REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: nodes.urls.join(',') });
    await log.waitFor('Audit expiry finished: ');
    await victim.kill();
    const line = await log.waitFor('Audit expiry finished without some masters', { timeoutMs: 60_000 });
    expect(Object.keys((JSON.parse(line) as { unread: Record<string, string> }).unread)).toEqual([
      `127.0.0.1:${victim.port}`,
    ]);
    expect(await metric('holdfast_audit_runs_total', 'outcome="failed"')).toBeGreaterThanOrEqual(1);
  }, 60_000);
});
