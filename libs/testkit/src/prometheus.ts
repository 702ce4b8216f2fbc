import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.js';
import { registerCleanup } from './cleanup.js';
import { eventually } from './deadline.js';
import { freePort } from './free-port.js';

export interface PrometheusOptions {
  /** Jobs by name, each with the `host:port` of its targets, which are scraped at `/metrics`. */
  jobs: Record<string, readonly string[]>;
  /** Paths of rule files. */
  ruleFiles?: readonly string[];
  /** `host:port` of each Alertmanager. */
  alertmanagers?: readonly string[];
  /** Interval of scrapes and evaluations, in seconds. Default 1. */
  intervalSeconds?: number;
}

export interface PrometheusSample {
  readonly labels: Record<string, string>;
  readonly value: number;
}

export interface Prometheus {
  readonly url: string;
  readonly child: Child;
  /** Runs an instant query. A scalar gives one sample without labels. @throws Error when the result is a matrix */
  query(expression: string): Promise<PrometheusSample[]>;
  /** Waits until every target was scraped successfully. */
  targetsUp(timeoutMs?: number): Promise<void>;
}

/** Starts a Prometheus for a test, on a free port of 127.0.0.1. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-prometheus-'));
  registerCleanup('prometheus directory', () => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'prometheus.yml');
  await writeFile(file, JSON.stringify(configuration(options)));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = await startChild({
    name: 'prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
  });
  await eventually('prometheus to be ready', async () => child.exit ?? (await fetch(`${url}/-/ready`)).ok, {
    timeoutMs: 60_000,
  });
  if (child.exit) throw new Error(`prometheus ended instead of starting:\n${child.log.tail()}`);

  const query = async (expression: string): Promise<PrometheusSample[]> => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    return readSamples(await answer.json(), expression);
  };
  const targets = Object.values(options.jobs).reduce((sum, list) => sum + list.length, 0);
  return {
    url,
    child,
    query,
    async targetsUp(timeoutMs = 60_000) {
      await eventually(`${targets} targets to be up`, async () => (await query('sum(up)'))[0]?.value === targets, {
        timeoutMs,
        everyMs: 200,
      });
    },
  };
}

/** The configuration file, to be written as JSON, which is valid YAML. */
function configuration(options: PrometheusOptions): object {
  const interval = `${options.intervalSeconds ?? 1}s`;
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: options.ruleFiles ?? [],
    alerting: { alertmanagers: [{ static_configs: [{ targets: options.alertmanagers ?? [] }] }] },
    scrape_configs: Object.entries(options.jobs).map(([job, targets]) => ({
      job_name: job,
      static_configs: [{ targets }],
    })),
  };
}

interface QueryAnswer {
  status: string;
  error?: string;
  data: { resultType: string; result: unknown };
}

function readSamples(body: unknown, expression: string): PrometheusSample[] {
  const { status, error, data } = body as QueryAnswer;
  if (status !== 'success') throw new Error(`prometheus refused ${expression}: ${error}`);
  if (data.resultType === 'scalar') {
    const [, value] = data.result as [number, string];
    return [{ labels: {}, value: Number(value) }];
  }
  if (data.resultType !== 'vector') throw new Error(`${expression} gives a ${data.resultType}, not a vector`);
  return (data.result as { metric: Record<string, string>; value: [number, string] }[]).map((sample) => ({
    labels: sample.metric,
    value: Number(sample.value[1]),
  }));
}
