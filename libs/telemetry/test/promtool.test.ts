import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../src/index.js';

/** Names that prom-client gave Node's own metrics against the conventions, and that dashboards everywhere use. */
const DEFAULT_METRICS = /^nodejs_active_\w+_total non-counter metrics should not have "_total" suffix$/;

describe.each(['gateway', 'session-api', 'sweeper'] as const)('the metrics of %s', (service) => {
  it('pass promtool check metrics', async () => {
    const metrics = createMetrics({ service, color: 'blue', instance: 'host:"1"' });
    metrics.api.request('/api/sessions/', 'GET', 200, 0.01);
    metrics.sweeper.findings('expiry', 'orphan_log', 1);
    metrics.sweeper.repaired('expiry', 'orphan_log', 1);
    metrics.sweeper.auditEnded('expiry', 'done', 1);
    const input = await metrics.exposition();
    metrics.close();
    const { error, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    expect(error).toBeUndefined();
    const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !DEFAULT_METRICS.test(line));
    expect(complaints).toEqual([]);
  });
});
