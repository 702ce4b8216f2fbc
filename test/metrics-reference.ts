import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMetrics, type Metrics, type ProcessIdentity } from '@holdfast/telemetry';
import { REPOSITORY } from '@holdfast/testkit';
import { parse } from 'yaml';
import { overview } from '../grafana/overview.js';
import { metricsIn, queriesOf } from '../grafana/queries.js';

type Service = ProcessIdentity['service'];

/** A metric as one process exposes it. */
interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** By label, the values that are exposed from the start; none for labels whose values only use shows. */
  readonly labels: Map<string, Set<string>>;
}

const SERVICES: readonly Service[] = ['gateway', 'session-api', 'sweeper'];
/** Labels that every metric has, and those that belong to a histogram. */
const COMMON_LABELS = ['service', 'color', 'instance', 'le', 'quantile'];

const HEADER = `# Metrics

Every metric that a process exposes at \`/metrics\` of its admin port. Written by \`npm run docs\` from
\`libs/telemetry/src/metrics.ts\`, the dashboards and the alerts; a test holds that it is up to date.

Each sample also has the labels \`service\` (\`gateway\`, \`session-api\` or \`sweeper\`), \`color\` (\`blue\` or \`green\`) and
\`instance\` (host and process id). A counter only grows while its process lives: look at it through \`rate()\` or
\`increase()\`. A histogram has the samples \`_bucket\`, \`_sum\` and \`_count\`. The values that a label can have are named
where they are known before they happen; those are exposed with 0 from the start.
`;

/** The text of `docs/reference/metrics.md`. */
export async function renderMetricsReference(): Promise<string> {
  const users = metricUsers();
  const exposed = await Promise.all(SERVICES.map(exposedBy));
  const names = (families: readonly Family[]) => new Set(families.map(({ name }) => name));
  const [common = new Set<string>(), ...rest] = exposed.map(names);
  const isCommon = ({ name }: Family) => common.has(name) && rest.every((other) => other.has(name));

  const product = (families: readonly Family[]) => families.filter(({ name }) => name.startsWith('holdfast_'));
  const platform = exposed[0]?.filter(({ name }) => !name.startsWith('holdfast_') && users.has(name)) ?? [];
  const sections = [
    ...SERVICES.map((service, i) => {
      const own = product(exposed[i] ?? []).filter((family) => !isCommon(family));
      return `## ${service}\n\n${table(own, users)}`;
    }),
    `## Every process\n\n${table(product(exposed[0] ?? []).filter(isCommon), users)}`,
    `## Of Node and the operating system

The process also exposes the default metrics of prom-client, \`process_*\` and \`nodejs_*\`. Dashboards and alerts use these:

${table(platform, users)}`,
  ];
  return `${HEADER}\n${sections.join('\n\n')}\n`;
}

function table(families: readonly Family[], users: ReadonlyMap<string, readonly string[]>): string {
  const rows = families
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, help, labels }) => [
      `\`${name}\``,
      type,
      unitOf(name),
      [...labels].map(([label, values]) => describeLabel(label, values)).join('; '),
      `${help.replace(/\.$/, '')}.`,
      (users.get(name) ?? []).join(', '),
    ]);
  const header = ['metric', 'type', 'unit', 'labels', 'meaning', 'used by'];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function describeLabel(label: string, values: ReadonlySet<string>): string {
  if (values.size === 0) return `\`${label}\``;
  return `\`${label}\` (${[...values].map((value) => `\`${value}\``).join(' ')})`;
}

/** By the naming rules of Prometheus, which puts the unit at the end of the name. */
function unitOf(name: string): string {
  if (name.endsWith('_timestamp_seconds')) return 'Unix seconds';
  if (/_seconds(_total)?$/.test(name)) return 'seconds';
  if (name.endsWith('_bytes')) return 'bytes';
  if (/_(?:info|state|up)$/.test(name)) return '0 or 1';
  return 'count';
}

/** Which panels and alerts ask for each metric. */
function metricUsers(): Map<string, string[]> {
  const users = new Map<string, string[]>();
  const add = (query: string, user: string) => {
    for (const metric of metricsIn(query)) {
      const known = users.get(metric) ?? [];
      if (!known.includes(user)) users.set(metric, [...known, user]);
    }
  };
  // A panel exists once for each colour.
  for (const { panel, query } of queriesOf(overview())) add(query, `panel ${panel.replace(/, (?:blue|green)$/, '')}`);
  const alerts = parse(readFileSync(join(REPOSITORY, 'deploy/prometheus/alerts.yml'), 'utf8')) as {
    groups: { rules: { alert: string; expr: string; annotations: { runbook_url: string } }[] }[];
  };
  for (const { alert, expr, annotations } of alerts.groups.flatMap(({ rules }) => rules)) {
    add(expr, `alert [${alert}](../../${annotations.runbook_url})`);
  }
  return users;
}

async function exposedBy(service: Service): Promise<Family[]> {
  const metrics = createMetrics({ service, color: 'blue', instance: 'reference' });
  const fresh = parseExposition(await metrics.exposition());
  exposeEveryLabel(metrics);
  const used = parseExposition(await metrics.exposition());
  metrics.close();
  return used.map((family) => {
    // Versions are those of this machine.
    const known = family.name === 'holdfast_build_info' ? undefined : fresh.find(({ name }) => name === family.name);
    const labels = new Map(
      [...family.labels.keys()].map((label) => [label, known?.labels.get(label) ?? new Set<string>()] as const),
    );
    return { ...family, labels };
  });
}

/** Exposes a sample of each metric that has none before something has happened. */
function exposeEveryLabel({ api, sweeper }: Metrics): void {
  api.request('/api/', 'GET', 200, 1);
  sweeper.auditEnded('any', 'done', 1);
  sweeper.findings('any', 'any', 1);
  sweeper.repaired('any', 'any', 1);
  sweeper.wentOver('any', 1);
}

function parseExposition(text: string): Family[] {
  const families: Family[] = [];
  for (const block of text.split(/^(?=# HELP )/m)) {
    const [, name, help] = /^# HELP (\S+) (.*)$/m.exec(block) ?? [];
    const [, type] = /^# TYPE \S+ (\S+)$/m.exec(block) ?? [];
    if (name === undefined || help === undefined || type === undefined) continue;
    const labels = new Map<string, Set<string>>();
    for (const [, label = '', value = ''] of block.matchAll(/[{,](\w+)="([^"]*)"/g)) {
      if (!COMMON_LABELS.includes(label)) labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
    families.push({ name, type, help, labels });
  }
  return families;
}
