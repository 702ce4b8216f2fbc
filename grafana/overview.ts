import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { COLORS, forColor, graph, quantile, type Series, stat } from './panels.js';

/** Two panels that show the same for both colours: blue at the left, green at the right. */
interface Pair {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  /** In the queries `$color` stands for the colour. */
  readonly series: readonly Series[];
}

const TRAFFIC: readonly Pair[] = [
  {
    title: 'Connections',
    description: 'Open WebSockets. During a rollout one side falls as the other rises.',
    unit: 'short',
    series: [{ legend: '{{protocol}}', query: 'sum by (protocol) (holdfast_connections{color="$color"})' }],
  },
  {
    title: 'Connects and closes',
    description: 'New sockets, closed ones, and upgrades refused, per second.',
    unit: 'cps',
    series: [
      { legend: 'opened', query: 'sum(rate(holdfast_connects_total{color="$color"}[$__rate_interval]))' },
      { legend: 'closed', query: 'sum(rate(holdfast_closes_total{color="$color"}[$__rate_interval]))' },
      { legend: 'refused', query: 'sum(rate(holdfast_connect_refusals_total{color="$color"}[$__rate_interval]))' },
    ],
  },
  {
    title: 'Messages',
    description: 'Sent by members, stored in Redis, and handed to members, per second.',
    unit: 'cps',
    series: [
      { legend: 'sent', query: 'sum(rate(holdfast_messages_in_total{color="$color"}[$__rate_interval]))' },
      { legend: 'stored', query: 'sum(rate(holdfast_messages_stored_total{color="$color"}[$__rate_interval]))' },
      { legend: 'delivered', query: 'sum(rate(holdfast_messages_delivered_total{color="$color"}[$__rate_interval]))' },
    ],
  },
  {
    title: 'Errors',
    description:
      'Error frames sent to members, failures of Redis, gaps found and closed, and syncs that failed, per second.',
    unit: 'cps',
    series: [
      { legend: 'error frames', query: 'sum(rate(holdfast_error_frames_total{color="$color"}[$__rate_interval]))' },
      {
        legend: 'Redis errors',
        query: 'sum(rate(holdfast_redis_errors_total{service="gateway", color="$color"}[$__rate_interval]))',
      },
      { legend: 'gaps', query: 'sum(rate(holdfast_gaps_total{color="$color"}[$__rate_interval]))' },
      {
        legend: 'failed syncs',
        query: 'sum(rate(holdfast_sync_runs_total{color="$color", outcome="failed"}[$__rate_interval]))',
      },
    ],
  },
  {
    title: 'Append latency',
    description: 'From sending an append to Redis to its answer.',
    unit: 's',
    series: [
      quantile(0.5, 'holdfast_append_seconds', 'color="$color"'),
      quantile(0.99, 'holdfast_append_seconds', 'color="$color"'),
    ],
  },
  {
    title: 'Delivery latency',
    description: "From a member's frame to handing it to the members of its gateway.",
    unit: 's',
    series: [
      quantile(0.5, 'holdfast_delivery_seconds', 'color="$color"'),
      quantile(0.99, 'holdfast_delivery_seconds', 'color="$color"'),
    ],
  },
];

const SATURATION: readonly Pair[] = [
  {
    title: 'Event loop delay',
    description: 'How late timers run: the first thing to rise when a gateway has more than its core can do.',
    unit: 's',
    series: [
      quantile(0.5, 'holdfast_event_loop_delay_seconds', 'service="gateway", color="$color"'),
      quantile(0.99, 'holdfast_event_loop_delay_seconds', 'service="gateway", color="$color"'),
    ],
  },
  {
    title: 'Overload',
    description: 'Whom gateways refuse for want of a resource: 1 new members, 2 everybody (B7).',
    unit: 'none',
    series: [
      {
        legend: '{{instance}} {{resource}}',
        query: 'max by (instance, resource) (holdfast_overload{service="gateway", color="$color"})',
      },
    ],
  },
  {
    title: 'CPU',
    description: 'Seconds of processor time per second; 1 is a core, and a gateway has no use for more.',
    unit: 'percentunit',
    series: [
      {
        legend: '{{instance}}',
        query:
          'sum by (instance) (rate(process_cpu_seconds_total{service="gateway", color="$color"}[$__rate_interval]))',
      },
    ],
  },
  {
    title: 'Backpressure',
    description: 'Members closed because they read too slowly (4408), per second.',
    unit: 'cps',
    series: [
      {
        legend: 'closed 4408',
        query: 'sum(rate(holdfast_backpressure_closes_total{color="$color"}[$__rate_interval]))',
      },
    ],
  },
  {
    title: 'Memory',
    description:
      'Resident memory, newest messages kept (TAIL_BYTES), and messages not stored yet (OUTAGE_BUFFER_BYTES).',
    unit: 'bytes',
    series: [
      { legend: 'resident', query: 'sum(process_resident_memory_bytes{service="gateway", color="$color"})' },
      { legend: 'tails', query: 'sum(holdfast_tail_bytes{color="$color"})' },
      { legend: 'not stored yet', query: 'sum(holdfast_unstored_bytes{color="$color"})' },
    ],
  },
];

/** The dashboard *Overview*, to be looked at first. It shows blue beside green. */
export function overview(): Dashboard {
  const board = new DashboardBuilder('Holdfast / Overview')
    .uid('holdfast-overview')
    .description('Connections, rate, errors, latency and saturation, blue beside green; Redis, API and audits.')
    .tags(['holdfast'])
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('10s')
    .tooltip(DashboardCursorSync.Crosshair)
    .readonly()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));

  board.withRow(new RowBuilder('At a glance'));
  for (const color of COLORS) {
    const gateways = {
      legend: color,
      query: `count(holdfast_build_info{service="gateway", color="${color}"}) or vector(0)`,
    };
    board.withPanel(stat(`Gateways, ${color}`, 'Gateways that answer Prometheus.', 'short', [gateways], color));
  }
  board
    .withPanel(stat('Connections', 'On all gateways.', 'short', [{ legend: '', query: 'sum(holdfast_connections)' }]))
    .withPanel(
      stat('Messages stored', 'Per second, by all gateways.', 'cps', [
        { legend: '', query: 'sum(rate(holdfast_messages_stored_total[$__rate_interval]))' },
      ]),
    )
    .withPanel(
      stat('Processes without Redis', 'That cannot reach it now.', 'short', [
        { legend: '', query: 'count(holdfast_redis_up == 0) or vector(0)' },
      ]),
    )
    .withPanel(
      stat('Audit findings', 'Of the latest audit of each kind.', 'short', [
        { legend: '', query: 'sum(max by (audit, kind) (holdfast_audit_findings))' },
      ]),
    );

  for (const [row, pairs] of [
    ['Traffic', TRAFFIC],
    ['Saturation', SATURATION],
  ] as const) {
    board.withRow(new RowBuilder(row));
    for (const { title, description, unit, series } of pairs) {
      for (const color of COLORS) {
        board.withPanel(graph(`${title}, ${color}`, description, unit, series.map(forColor(color)), color));
      }
    }
  }

  board
    .withRow(new RowBuilder('Redis'))
    .withPanel(
      graph('Redis reachable', '1 while a process reaches Redis.', 'short', [
        { legend: '{{service}} {{color}} {{instance}}', query: 'holdfast_redis_up' },
      ]),
    )
    .withPanel(
      graph('Canary age', 'Since a gateway heard itself through pub/sub. It says so every half second.', 's', [
        { legend: '{{color}} {{instance}}', query: 'holdfast_canary_age_seconds' },
      ]),
    )
    .withPanel(
      graph(
        'Reach of the tails',
        'How long ago a member may have left and still be resumed from memory; history that Redis loses is healed from as far back.',
        's',
        [{ legend: '{{color}} {{instance}}', query: 'holdfast_tail_reach_seconds' }],
      ),
    )
    .withRow(new RowBuilder('API'))
    .withPanel(
      graph('API requests', 'Per second, by status.', 'reqps', [
        { legend: '{{status}}', query: 'sum by (status) (rate(holdfast_api_requests_total[$__rate_interval]))' },
      ]),
    )
    .withPanel(
      graph('API latency', 'Time to answer a request.', 's', [
        quantile(0.5, 'holdfast_api_request_duration_seconds', ''),
        quantile(0.99, 'holdfast_api_request_duration_seconds', ''),
      ]),
    )
    .withRow(new RowBuilder('Audits'))
    .withPanel(
      graph('Findings', 'What the latest audit found, by kind.', 'short', [
        { legend: '{{audit}}: {{kind}}', query: 'max by (audit, kind) (holdfast_audit_findings)' },
      ]),
    )
    .withPanel(
      graph('Repairs and age', 'What audits repaired within a minute, and how long ago the last one ended.', 'short', [
        { legend: 'repaired', query: 'sum(increase(holdfast_audit_repairs_total[1m]))' },
        {
          legend: 'seconds since {{audit}}',
          query: 'time() - max by (audit) (holdfast_audit_last_run_timestamp_seconds)',
        },
      ]),
    );
  return board.build();
}
