import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { productMetrics } from '../../grafana/product-metrics.js';
import { metricsIn } from '../../grafana/queries.js';
import { ROOT } from './kubectl.js';

const run = promisify(execFile);
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-monitoring-'));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

const read = async (file: string) => parse(await readFile(`${ROOT}k8s/monitoring/${file}`, 'utf8'));

describe('k8s/monitoring', () => {
  it('has a scrape configuration that promtool accepts', async () => {
    const config = await read('prometheus.yml');
    // Debian builds promtool without Kubernetes discovery. The rest is checked with static targets.
    for (const job of config.scrape_configs) {
      expect(job.kubernetes_sd_configs).toEqual([{ role: 'pod', namespaces: { names: ['holdfast'] } }]);
      delete job.kubernetes_sd_configs;
      job.static_configs = [{ targets: ['localhost:1'] }];
    }
    const file = join(dir, 'prometheus.yml');
    await writeFile(file, JSON.stringify(config));
    const { stdout } = await run('promtool', ['check', 'config', '--lint=all', '--lint-fatal', file]);
    expect(stdout).toContain('SUCCESS');
  });

  it('gives the autoscaler a metric that gateways have', async () => {
    const { rules } = await read('adapter-rules.yml');
    const known = await productMetrics();
    for (const { seriesQuery, name } of rules) {
      expect(metricsIn(seriesQuery)).toEqual([name.as]);
      expect(known.has(name.as)).toBe(true);
    }
  });
});
