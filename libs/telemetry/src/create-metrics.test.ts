import { afterEach, describe, expect, it } from 'vitest';

import { createMetrics, type Metrics, type ProcessIdentity } from './create-metrics.js';

const created: Metrics[] = [];

function create(service: ProcessIdentity['service'], color: ProcessIdentity['color'] = 'blue'): Metrics {
  const metrics = createMetrics({ service, color, instance: 'host:1' });
  created.push(metrics);
  return metrics;
}

/** The value of the first sample of that name with those labels. */
async function sample(metrics: Metrics, name: string, labels = ''): Promise<number | undefined> {
  const wanted = labels.split(',');
  const lines = (await metrics.exposition()).split('\n').filter((line) => line.startsWith(`${name}{`));
  const found = lines.find((line) => wanted.every((label) => line.includes(label)));
  return found === undefined ? undefined : Number(found.split(' ').at(-1));
}

async function names(metrics: Metrics): Promise<string[]> {
  return [...(await metrics.exposition()).matchAll(/^# TYPE (holdfast_\S+)/gm)].map(([, name]) => name ?? '');
}

const COMMON = [
  'holdfast_build_info',
  'holdfast_redis_errors_total',
  'holdfast_unreadable_total',
  'holdfast_redis_up',
  'holdfast_overload',
  'holdfast_event_loop_delay_seconds',
];

afterEach(() => {
  for (const metrics of created.splice(0)) metrics.close();
});

describe('createMetrics', () => {
  it("exposes what the process's own service counts, and nothing of the others", async () => {
    const [gateway, api, sweeper] = await Promise.all(
      (['gateway', 'session-api', 'sweeper'] as const).map((service) => names(create(service))),
    );
    expect(gateway).toEqual(expect.arrayContaining(['holdfast_connections', 'holdfast_append_seconds', ...COMMON]));
    expect(gateway?.filter((name) => /_(api|audit)_/.test(name))).toEqual([]);
    expect(api?.filter((name) => !COMMON.includes(name) && !name.startsWith('holdfast_api_'))).toEqual([]);
    expect(sweeper?.filter((name) => !COMMON.includes(name) && !name.startsWith('holdfast_audit_'))).toEqual([]);
    expect(api).toContain('holdfast_api_requests_total');
    expect(sweeper).toContain('holdfast_audit_findings');
  });

  it('labels every sample with service, colour and instance', async () => {
    const text = await create('gateway', 'green').exposition();
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const unlabelled = samples.filter((line) => !line.includes('service="gateway",color="green",instance="host:1"'));
    expect(unlabelled).toEqual([]);
    expect(text).toContain('process_resident_memory_bytes{');
  });

  it('counts each process on its own, several in one', async () => {
    const [one, other] = [create('gateway'), create('gateway', 'green')];
    one.gateway.counters.stored += 2;
    one.redis.failed('timeout');
    expect(await sample(one, 'holdfast_messages_stored_total')).toBe(2);
    expect(await sample(other, 'holdfast_messages_stored_total')).toBe(0);
    expect(await sample(other, 'holdfast_redis_errors_total', 'kind="timeout"')).toBe(0);
  });

  it('exposes plain fields as they are at the moment of the scrape', async () => {
    const metrics = create('gateway');
    const { counters, gauges } = metrics.gateway;
    counters.delivered += 5;
    gauges.rooms = 3;
    gauges.tailBytes = 1024;
    expect(await sample(metrics, 'holdfast_messages_delivered_total')).toBe(5);
    expect(await sample(metrics, 'holdfast_messages_delivered_total')).toBe(5);
    expect(await sample(metrics, 'holdfast_rooms')).toBe(3);
    gauges.rooms = 1;
    expect(await sample(metrics, 'holdfast_rooms')).toBe(1);
    expect(await sample(metrics, 'holdfast_tail_bytes')).toBe(1024);
  });

  it('B3: tells how far a drain is', async () => {
    const metrics = create('gateway');
    expect(await sample(metrics, 'holdfast_drain_state', 'state="serving"')).toBe(1);
    metrics.gateway.gauges.drainState = 'draining';
    metrics.gateway.gauges.membersLeft = 7;
    expect(await sample(metrics, 'holdfast_drain_state', 'state="serving"')).toBe(0);
    expect(await sample(metrics, 'holdfast_drain_state', 'state="draining"')).toBe(1);
    expect(await sample(metrics, 'holdfast_drain_members_left')).toBe(7);
  });

  it('counts connections by protocol and persistence, and closes by code', async () => {
    const metrics = create('gateway');
    metrics.gateway.connected('framed', 'redis');
    metrics.gateway.connected('framed', 'redis');
    metrics.gateway.disconnected('framed', 'redis', 4408);
    const kind = 'protocol="framed",persistence="redis"';
    expect(await sample(metrics, 'holdfast_connections', kind)).toBe(1);
    expect(await sample(metrics, 'holdfast_connects_total', kind)).toBe(2);
    expect(await sample(metrics, 'holdfast_closes_total', 'code="4408"')).toBe(1);
  });

  it('lets no client invent a label by the code it closes with', async () => {
    const metrics = create('gateway');
    for (let code = 3000; code < 3100; code += 1) {
      metrics.gateway.connected('plain', 'none');
      metrics.gateway.disconnected('plain', 'none', code);
    }
    expect(await sample(metrics, 'holdfast_closes_total', 'code="other"')).toBe(100);
    expect((await metrics.exposition()).match(/^holdfast_closes_total/gm)?.length).toBeLessThan(20);
  });

  it('has every known kind of event with 0 from the start, or rate() would miss the first', async () => {
    const metrics = create('gateway');
    for (const [name, labels] of [
      ['holdfast_closes_total', 'code="4404"'],
      ['holdfast_connect_refusals_total', 'status="429"'],
      ['holdfast_error_frames_total', 'code="rate_limited"'],
      ['holdfast_sync_runs_total', 'outcome="failed"'],
      ['holdfast_redis_errors_total', 'kind="memory"'],
      ['holdfast_connections', 'protocol="plain",persistence="none"'],
    ] as const) {
      expect(await sample(metrics, name, labels), name).toBe(0);
    }
  });

  it('counts refusals, error frames, syncs and latencies', async () => {
    const metrics = create('gateway');
    metrics.gateway.refused(503);
    metrics.gateway.errorSent('overloaded');
    metrics.gateway.synced('gap');
    metrics.gateway.appendSeconds.observe(0.001);
    metrics.gateway.deliverySeconds.observe(0.002);
    metrics.redis.up = true;
    expect(await sample(metrics, 'holdfast_connect_refusals_total', 'status="503"')).toBe(1);
    expect(await sample(metrics, 'holdfast_error_frames_total', 'code="overloaded"')).toBe(1);
    expect(await sample(metrics, 'holdfast_sync_runs_total', 'outcome="gap"')).toBe(1);
    expect(await sample(metrics, 'holdfast_append_seconds_count')).toBe(1);
    expect(await sample(metrics, 'holdfast_delivery_seconds_count')).toBe(1);
    expect(await sample(metrics, 'holdfast_redis_up')).toBe(1);
  });

  it('counts requests by route, method and status', async () => {
    const metrics = create('session-api');
    metrics.api.request('/api/sessions/:id/', 'GET', 200, 0.004);
    metrics.api.request(undefined, 'GET', 404, 0.001);
    const route = 'route="/api/sessions/:id/",method="GET"';
    expect(await sample(metrics, 'holdfast_api_requests_total', `${route},status="200"`)).toBe(1);
    expect(await sample(metrics, 'holdfast_api_requests_total', 'route="none",method="GET",status="404"')).toBe(1);
    expect(await sample(metrics, 'holdfast_api_request_duration_seconds_bucket', `le="0.005",`)).toBe(1);
  });

  it('W4: tells what audits found and did, and when the last one was completed', async () => {
    const metrics = create('sweeper');
    metrics.sweeper.findings('expiry', 'missing_expiry', 3);
    metrics.sweeper.findings('expiry', 'missing_expiry', 0);
    metrics.sweeper.repaired('expiry', 'missing_expiry', 3);
    metrics.sweeper.auditEnded('expiry', 'failed', 1);
    expect(await sample(metrics, 'holdfast_audit_last_run_timestamp_seconds', 'audit="expiry"')).toBeUndefined();
    metrics.sweeper.auditEnded('expiry', 'done', 2);
    const kind = 'audit="expiry",kind="missing_expiry"';
    expect(await sample(metrics, 'holdfast_audit_findings', kind)).toBe(0);
    expect(await sample(metrics, 'holdfast_audit_repairs_total', kind)).toBe(3);
    expect(await sample(metrics, 'holdfast_audit_runs_total', 'audit="expiry",outcome="failed"')).toBe(1);
    expect(await sample(metrics, 'holdfast_audit_duration_seconds_sum', 'audit="expiry"')).toBe(3);
    const last = await sample(metrics, 'holdfast_audit_last_run_timestamp_seconds', 'audit="expiry"');
    expect(Math.abs((last ?? 0) - Date.now() / 1000)).toBeLessThan(5);
  });
});
