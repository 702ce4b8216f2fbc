import {
  connectFramed,
  connectPlain,
  eventually,
  type Prometheus,
  type ServiceProcess,
  startProcess,
  startPrometheus,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { overview } from '../../grafana/overview.js';
import { queriesOf } from '../../grafana/queries.js';
import { DEPLOY } from './run.js';

/** Replaces Grafana's `$__rate_interval`. It is longer than the whole test, so that rates include its traffic. */
const RATE_INTERVAL = '5m';
const ROUNDS = 6;

let prometheus: Prometheus;
let gateways: ServiceProcess[];
let api: ServiceProcess;

beforeAll(async () => {
  const { url } = await startRedis();
  const env = { CHANNEL_REDIS_URL: url };
  const gateway = (color: string) =>
    startProcess({ service: 'gateway', name: color, env: { ...env, INSTANCE_COLOR: color } });
  const [blue, green, sessionApi, sweeper] = await Promise.all([
    gateway('blue'),
    gateway('green'),
    startProcess({ service: 'session-api', env }),
    startProcess({ service: 'sweeper', env: { ...env, AUDIT_INTERVAL_SECONDS: '1' } }),
  ]);
  gateways = [blue, green];
  api = sessionApi;
  const at = ({ adminPort }: ServiceProcess) => [`127.0.0.1:${adminPort}`];
  prometheus = await startPrometheus({
    jobs: { 'gateway-blue': at(blue), 'gateway-green': at(green), 'session-api': at(api), sweeper: at(sweeper) },
    ruleFiles: [`${DEPLOY}prometheus/alerts.yml`],
  });
  await prometheus.targetsUp();
  await chat();
}, 60_000);

afterAll(stopAll);

/** Makes traffic of every kind on both colours, between scrapes. */
async function chat(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const { wsUrl } of gateways) {
      const query = { session: `panels-${round % 2}`, redis_persistence: true };
      const framed = await connectFramed(wsUrl, { query });
      const plain = await connectPlain(wsUrl, { query });
      plain.sendRaw('hello');
      framed.send({ type: 'send', id: `id-${round}`, content: 'hello' });
      framed.sendRaw('not a frame');
      await framed.frames.take(2, { type: 'message', content: 'hello' });
      await Promise.all([framed.close(), plain.close()]);
    }
    await fetch(`${api.url}/api/sessions/panels-0/messages/`);
    await fetch(`${api.url}/api/sessions/nobody/`);
    const scraped = await prometheus.query('sum(holdfast_messages_in_total)');
    await eventually('the next scrape', async () => {
      const now = await prometheus.query('sum(holdfast_messages_in_total)');
      return (now[0]?.value ?? 0) > (scraped[0]?.value ?? -1);
    });
  }
}

describe('the Overview dashboard, on a Prometheus that scrapes the running system', () => {
  it.each(queriesOf(overview()))('$panel: $query', async ({ query }) => {
    const samples = await prometheus.query(query.replaceAll('$__rate_interval', RATE_INTERVAL));
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.every(({ value }) => Number.isFinite(value))).toBe(true);
  });

  it('sees the traffic, and every process with its colour', async () => {
    const value = async (query: string) => (await prometheus.query(query))[0]?.value;
    expect(await value('min(holdfast_redis_up)')).toBe(1);
    for (const color of ['blue', 'green']) {
      const stored = `sum(holdfast_messages_stored_total{color="${color}"})`;
      await eventually('the last scrape', async () => (await value(stored)) === 2 * ROUNDS);
      expect(await value(`sum(holdfast_error_frames_total{color="${color}"})`)).toBe(ROUNDS);
    }
    expect(await value('count(holdfast_build_info{color!=""})')).toBe(4);
  });

  it('no alert fires while all is well', async () => {
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
  });

  it('names no session and no member in any label', async () => {
    const labels = (await (await fetch(`${prometheus.url}/api/v1/labels`)).json()) as { data: string[] };
    for (const forbidden of [/session/i, /user/i, /sender/i, /client/i]) {
      expect(labels.data.filter((label) => forbidden.test(label))).toEqual([]);
    }
    const routes = (await (await fetch(`${prometheus.url}/api/v1/label/route/values`)).json()) as { data: string[] };
    expect(routes.data.filter((route) => route.includes('panels-0'))).toEqual([]);
  });
});
