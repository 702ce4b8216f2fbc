import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { productMetrics } from '../../grafana/product-metrics.js';
import { metricsIn } from '../../grafana/queries.js';
import { DEPLOY, ROOT, run } from './run.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

const { groups } = parse(readFileSync(`${DEPLOY}prometheus/alerts.yml`, 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

describe('the alert rules', () => {
  it('pass promtool, with every lint', async () => {
    const { code, output } = await run('promtool', [
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      'prometheus/alerts.yml',
    ]);
    expect(output).toContain('SUCCESS');
    expect(code).toBe(0);
  });

  it('fire when they should, and not when they should not', async () => {
    const { code, output } = await run('promtool', ['test', 'rules', 'prometheus/alerts.test.yml']);
    expect(output).toContain('SUCCESS');
    expect(code).toBe(0);
  });

  it('have each a test of their own', () => {
    const { tests } = parse(readFileSync(`${DEPLOY}prometheus/alerts.test.yml`, 'utf8')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const cases = tests.flatMap((test) => test.alert_rule_test);
    const fired = cases.filter(({ exp_alerts: expected }) => expected.length > 0).map(({ alertname }) => alertname);
    expect([...new Set(fired)].toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  it('ask only for metrics that the processes have', async () => {
    const known = await productMetrics();
    expect(rules.flatMap(({ expr }) => metricsIn(expr)).filter((metric) => !known.has(metric))).toEqual([]);
  });

  it.each(rules)(
    '$alert has a severity, and a runbook that names it and says what to do',
    ({ alert, labels, annotations }) => {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(existsSync(ROOT + annotations.runbook_url), annotations.runbook_url).toBe(true);
      const runbook = readFileSync(ROOT + annotations.runbook_url, 'utf8');
      expect(runbook).toMatch(new RegExp(`^Alert: .*\\b${alert}\\b`, 'm'));
      for (const part of ['What it means', 'What users notice', 'Look', 'Do'])
        expect(runbook).toContain(`\n## ${part}\n`);
    },
  );
});

describe('docs/operations/monitoring.md', () => {
  it('lists every alert with its severity, and no other', () => {
    const page = readFileSync(`${ROOT}docs/operations/monitoring.md`, 'utf8');
    const rows = [...page.matchAll(/^\| ([A-Z]\w+) \| (\w+) \|/gm)].map(
      ([, alert, severity]) => `${alert} ${severity}`,
    );
    expect(rows.toSorted()).toEqual(rules.map(({ alert, labels }) => `${alert} ${labels.severity}`).toSorted());
  });
});

describe('the configurations', () => {
  it('of Prometheus passes promtool', async () => {
    const { code, output } = await run('promtool', [
      'check',
      'config',
      '--lint=all',
      '--lint-fatal',
      'prometheus/prometheus.yml',
    ]);
    expect(output).toContain('is valid prometheus config');
    expect(code).toBe(0);
  });

  it('of Alertmanager passes amtool, and sends what is critical to the operators', async () => {
    expect((await run('amtool', ['check-config', 'alertmanager/alertmanager.yml'])).code).toBe(0);
    const args = ['config', 'routes', 'test', '--config.file=alertmanager/alertmanager.yml', 'severity=critical'];
    expect((await run('amtool', args)).output).toMatch(/^operators$/m);
  });
});
