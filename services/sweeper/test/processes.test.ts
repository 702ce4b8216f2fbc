import { AUDIT_REPORT_KEY } from '@holdfast/session-store';
import {
  eventually,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { plantSessions } from './fixture.js';

/** Enough for an audit of several seconds, so that there is a middle to die in. */
const SESSIONS = 40_000;
const BROKEN_EVERY = 200;

afterAll(stopAll);

/** How wrong a clock is in these tests. */
const TWO_HOURS_MS = 2 * 60 * 60 * 1_000;

/** Variables of a process whose clock differs from this machine's, and thereby from Redis' clock. */
function clockOff(byMs: number): Record<string, string> {
  const code = `const now=Date.now;Date.now=()=>now()+(${byMs})`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

function startSweeperProcess(server: RedisServer, more: Record<string, string> = {}): Promise<ServiceProcess> {
  const env = { CHANNEL_REDIS_URL: server.url, AUDIT_INTERVAL_SECONDS: '3600', ...more };
  return startProcess({ service: 'sweeper', env });
}

const keysSeenBy = async (sweeper: ServiceProcess) => (await sweeper.metric('holdfast_audit_keys_total')) ?? 0;

// Each test has a Redis of its own. BullMQ takes half a minute to notice that a worker has died: they wait together.
describe.concurrent('sweeper processes', () => {
  it('W4: a second one shares the work, and killing the first mid-audit loses nothing', async () => {
    const server = await startRedis();
    await plantSessions(server.url, SESSIONS, (index) => index % BROKEN_EVERY === 0);
    const first = await startSweeperProcess(server);
    await eventually('the first to be at work', async () => (await keysSeenBy(first)) > 0);
    // A quick machine would have finished before the second has started.
    first.child.pause();
    const second = await startSweeperProcess(server);
    await eventually('the second to take a share', async () => (await keysSeenBy(second)) > 0, { timeoutMs: 60_000 });
    expect(await server.cli('hlen', AUDIT_REPORT_KEY)).toBe('0');
    await first.kill();
    const json = await eventually(
      'the report',
      async () => (await server.cli('hget', AUDIT_REPORT_KEY, 'expiry')) || undefined,
      { timeoutMs: 60_000, everyMs: 200 },
    );
    const report = JSON.parse(json) as { complete: boolean; faults: Record<string, unknown>; looked_at: unknown };
    expect(report.complete).toBe(true);
    const broken = SESSIONS / BROKEN_EVERY;
    expect(report.faults['session_without_expiry']).toEqual({ found: broken, repaired: broken });
    const keyspace = await server.cli('info', 'keyspace');
    const expires = Number(/keys=\d+,expires=(\d+)/.exec(keyspace)?.[1]);
    expect(expires).toBeGreaterThanOrEqual(SESSIONS);
    expect((await second.stop()).code).toBe(0);
  });

  it('gives its work back on SIGTERM and ends with 0, for another one to go on where it was', async () => {
    const server = await startRedis();
    await plantSessions(server.url, SESSIONS, () => false);
    const first = await startSweeperProcess(server);
    await eventually('the first to be at work', async () => (await keysSeenBy(first)) > 0);
    expect((await first.stop()).code).toBe(0);
    expect(await server.cli('hlen', AUDIT_REPORT_KEY)).toBe('0');
    const second = await startSweeperProcess(server);
    await second.log.waitFor('Audit expiry finished', { timeoutMs: 60_000 });
    expect(await keysSeenBy(second)).toBeLessThan(SESSIONS);
  });

  it.each([
    { clock: 'ran two hours ahead', first: TWO_HOURS_MS, second: 0 },
    { clock: 'is right, when the next one is two hours late', first: 0, second: -TWO_HOURS_MS },
  ])('W6: audits go on at once after a sweeper whose clock $clock', async ({ first, second }) => {
    const server = await startRedis();
    await plantSessions(server.url, SESSIONS, () => false);
    const often = { AUDIT_INTERVAL_SECONDS: '2' };
    const before = await startSweeperProcess(server, { ...often, ...clockOff(first) });
    await eventually('the first to be at work', async () => (await keysSeenBy(before)) > 0);
    expect((await before.stop()).code).toBe(0);
    expect(await server.cli('hlen', AUDIT_REPORT_KEY), 'the part was handed back').toBe('0');
    await startSweeperProcess(server, { ...often, ...clockOff(second) });
    const report = async () => {
      const json = await server.cli('hget', AUDIT_REPORT_KEY, 'expiry');
      return json === '' ? undefined : (JSON.parse(json) as { started_at: number; finished_at: number });
    };
    const one = await eventually('the round that was under way', report, { timeoutMs: 60_000, everyMs: 100 });
    const two = await eventually(
      'the round after it',
      async () => {
        const latest = await report();
        return latest && latest.started_at > one.started_at ? latest : undefined;
      },
      { timeoutMs: 60_000, everyMs: 100 },
    );
    // The times of a report are Redis' own, whoever began and ended the round.
    for (const { started_at: started, finished_at: finished } of [one, two]) {
      expect(Math.abs(started - Date.now() / 1_000)).toBeLessThan(120);
      expect(finished).toBeGreaterThanOrEqual(started);
    }
  });

  it('refuses to start with settings that are not right, naming each', async () => {
    const env = { CHANNEL_REDIS_URL: 'redis://127.0.0.1:1', AUDIT_INTERVAL_SECONDS: 'often', AUDIT_DRY_RUN: 'perhaps' };
    await expect(startProcess({ service: 'sweeper', env })).rejects.toThrow(
      /AUDIT_INTERVAL_SECONDS[\s\S]*AUDIT_DRY_RUN|AUDIT_DRY_RUN[\s\S]*AUDIT_INTERVAL_SECONDS/,
    );
  });
});
