// biome-ignore-all lint/style/noExcessiveLinesPerFile: every metric of the product stands in this one file
import { readFileSync } from 'node:fs';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LOOP_SAMPLE_MS, watchEventLoop } from './event-loop-delay.js';
import { LatencyHistogram } from './latency-histogram.js';
import { CLOSE_CODES, DRAIN_STATES, ERROR_CODES, REDIS_ERROR_KINDS, REFUSALS, SYNC_OUTCOMES } from './metric-labels.js';
import type {
  ApiMetrics,
  GatewayCounters,
  GatewayGauges,
  GatewayMetrics,
  Metrics,
  ProcessIdentity,
  RedisMetrics,
  SweeperMetrics,
} from './metric-types.js';

const COUNTERS: Record<keyof GatewayCounters, readonly [name: string, help: string]> = {
  messagesIn: ['holdfast_messages_in_total', 'Messages that members sent'],
  stored: ['holdfast_messages_stored_total', 'Messages stored in Redis by this gateway'],
  published: ['holdfast_messages_published_total', 'Messages published by this gateway'],
  received: ['holdfast_messages_received_total', 'Messages heard through pub/sub, one per room'],
  delivered: ['holdfast_messages_delivered_total', 'Message frames handed to members'],
  recovered: ['holdfast_messages_recovered_total', 'Message frames handed to resuming members that had missed them'],
  refused: ['holdfast_messages_refused_total', 'Messages that were refused or given up; their senders keep them'],
  duplicates: ['holdfast_message_duplicates_total', 'Retried sends that were stored already'],
  gaps: ['holdfast_gaps_total', 'Gaps in the numbers of messages that were found'],
  ephemeral: ['holdfast_messages_ephemeral_total', 'Messages of sessions without persistence'],
  backpressureCloses: ['holdfast_backpressure_closes_total', 'Members closed because they read too slowly'],
};

/** A latency histogram with its name, exposed beside the registry's metrics. */
interface NamedHistogram {
  readonly name: string;
  readonly help: string;
  readonly histogram: LatencyHistogram;
}

/**
 * Creates the metrics of one process. Every metric of the product is defined in this file.
 *
 * Each call has a registry of its own, so that several services can live in one process.
 */
export function createMetrics(identity: ProcessIdentity): Metrics {
  const registry = new Registry();
  const { service, color, instance } = identity;
  const labels = { service, color, instance };
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'holdfast_build_info',
    help: 'Always 1; the labels tell what runs',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  }).set({ version: ownVersion(), node_version: process.version }, 1);
  const histograms: NamedHistogram[] = [];
  const own = (of: ProcessIdentity['service']) => (of === service ? [registry] : []);
  const redis = redisMetrics(registry);
  const gateway = gatewayMetrics(own('gateway'));
  if (service === 'gateway') {
    histograms.push(
      {
        name: 'holdfast_append_seconds',
        help: 'Time from sending an append to Redis to its answer',
        histogram: gateway.appendSeconds,
      },
      {
        name: 'holdfast_delivery_seconds',
        help: "Time from a member's frame to handing it to the members",
        histogram: gateway.deliverySeconds,
      },
    );
  }
  const loop = watchEventLoop();
  histograms.push({
    name: 'holdfast_event_loop_delay_seconds',
    help: `How late timers run, sampled every ${LOOP_SAMPLE_MS} ms`,
    histogram: loop.histogram,
  });
  return {
    gateway,
    api: apiMetrics(own('session-api')),
    sweeper: sweeperMetrics(own('sweeper')),
    redis,
    contentType: registry.contentType,
    async exposition() {
      const text = await registry.metrics();
      const latencies = histograms.map(({ name, help, histogram }) => histogram.expose(name, help, labels));
      return `${text}\n${latencies.join('\n\n')}\n`;
    },
    close: loop.stop,
  };
}

function gatewayMetrics(registers: Registry[]): GatewayMetrics {
  const counters: GatewayCounters = {
    messagesIn: 0,
    stored: 0,
    published: 0,
    received: 0,
    delivered: 0,
    recovered: 0,
    refused: 0,
    duplicates: 0,
    gaps: 0,
    ephemeral: 0,
    backpressureCloses: 0,
  };
  const gauges: GatewayGauges = {
    rooms: 0,
    roomsInMemory: 0,
    tailBytes: 0,
    tailReachSeconds: 0,
    unstoredBytes: 0,
    unstoredMessages: 0,
    canaryAgeSeconds: 0,
    drainState: 'serving',
    membersLeft: 0,
  };
  for (const [field, [name, help]] of Object.entries(COUNTERS) as [
    keyof GatewayCounters,
    readonly [string, string],
  ][]) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(counters[field]);
      },
    });
  }
  gatewayGauges(gauges, registers);
  new Gauge({
    name: 'holdfast_ledger_imbalance',
    help: 'Messages in whose fate is not known: neither stored, found stored, passed on, refused nor waiting; always 0',
    registers,
    collect() {
      this.set(ledgerImbalance(counters, gauges));
    },
  });
  const kind = ['protocol', 'persistence'] as const;
  const connections = new Gauge({
    name: 'holdfast_connections',
    help: 'Open WebSocket connections',
    labelNames: kind,
    registers,
  });
  const connects = new Counter({
    name: 'holdfast_connects_total',
    help: 'WebSocket connections opened',
    labelNames: kind,
    registers,
  });
  for (const protocol of ['plain', 'framed'] as const) {
    for (const persistence of ['redis', 'none'] as const) {
      connections.set({ protocol, persistence }, 0);
      connects.inc({ protocol, persistence }, 0);
    }
  }
  const closes = counterBy('code', [...CLOSE_CODES, 'other'], {
    name: 'holdfast_closes_total',
    help: 'WebSocket connections closed, by close code',
    registers,
  });
  const refusals = counterBy('status', REFUSALS, {
    name: 'holdfast_connect_refusals_total',
    help: 'WebSocket upgrades refused, by HTTP status',
    registers,
  });
  const errors = counterBy('code', ERROR_CODES, {
    name: 'holdfast_error_frames_total',
    help: 'Error frames sent to members, by code',
    registers,
  });
  const syncs = counterBy('outcome', SYNC_OUTCOMES, {
    name: 'holdfast_sync_runs_total',
    help: 'Comparisons of a room with the log, by what came of them',
    registers,
  });
  return {
    counters,
    gauges,
    appendSeconds: new LatencyHistogram(),
    deliverySeconds: new LatencyHistogram(),
    connected(protocol, persistence) {
      connections.inc({ protocol, persistence });
      connects.inc({ protocol, persistence });
    },
    disconnected(protocol, persistence, code) {
      connections.dec({ protocol, persistence });
      closes.inc({ code: CLOSE_CODES.includes(String(code)) ? code : 'other' });
    },
    refused: (status) => refusals.inc({ status }),
    errorSent: (code) => errors.inc({ code }),
    synced: (outcome) => syncs.inc({ outcome }),
  };
}

/** A counter with one label, whose known values are there from the start. */
function counterBy<L extends string>(
  label: L,
  known: readonly string[],
  options: { name: string; help: string; registers: Registry[] },
): Counter<L> {
  const counter = new Counter<L>({ ...options, labelNames: [label] });
  for (const value of known) counter.labels(value).inc(0);
  return counter;
}

/** Every message that came in has exactly one fate. */
function ledgerImbalance(counters: GatewayCounters, gauges: GatewayGauges): number {
  const { messagesIn, stored, duplicates, ephemeral, refused } = counters;
  return messagesIn - stored - duplicates - ephemeral - refused - gauges.unstoredMessages;
}

function gatewayGauges(gauges: GatewayGauges, registers: Registry[]): void {
  const numbers = [
    ['rooms', 'holdfast_rooms', 'Sessions that are live on this gateway'],
    ['roomsInMemory', 'holdfast_rooms_in_memory', 'Sessions on this gateway that Redis does not store now'],
    ['tailBytes', 'holdfast_tail_bytes', 'Bytes of the newest messages kept in memory'],
    ['tailReachSeconds', 'holdfast_tail_reach_seconds', 'Age of the oldest message kept in memory'],
    ['unstoredBytes', 'holdfast_unstored_bytes', 'Bytes of messages sent by members and not stored yet'],
    ['unstoredMessages', 'holdfast_messages_pending', 'Messages sent by members and not stored yet'],
    ['canaryAgeSeconds', 'holdfast_canary_age_seconds', 'Time since the gateway heard itself through pub/sub'],
    ['membersLeft', 'holdfast_drain_members_left', 'Members a drain still waits for'],
  ] as const;
  for (const [field, name, help] of numbers) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(gauges[field]);
      },
    });
  }
  new Gauge({
    name: 'holdfast_drain_state',
    help: '1 for the state this gateway is in',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of DRAIN_STATES) this.set({ state }, state === gauges.drainState ? 1 : 0);
    },
  });
}

function apiMetrics(registers: Registry[]): ApiMetrics {
  const requests = new Counter({
    name: 'holdfast_api_requests_total',
    help: 'HTTP requests answered',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'holdfast_api_request_duration_seconds',
    help: 'Time to answer an HTTP request',
    labelNames: ['route', 'method'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  return {
    request(given, method, status, seconds) {
      const route = given ?? 'none';
      requests.inc({ route, method, status });
      duration.observe({ route, method }, seconds);
    },
  };
}

function sweeperMetrics(registers: Registry[]): SweeperMetrics {
  const runs = new Counter({
    name: 'holdfast_audit_runs_total',
    help: 'Audits that ended, by outcome',
    labelNames: ['audit', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'holdfast_audit_duration_seconds',
    help: 'Time an audit took',
    labelNames: ['audit'],
    buckets: [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900],
    registers,
  });
  const lastRun = new Gauge({
    name: 'holdfast_audit_last_run_timestamp_seconds',
    help: 'When an audit was last completed, in Unix seconds',
    labelNames: ['audit'],
    registers,
  });
  const found = new Gauge({
    name: 'holdfast_audit_findings',
    help: 'What the latest audit found',
    labelNames: ['audit', 'kind'],
    registers,
  });
  const repairs = new Counter({
    name: 'holdfast_audit_repairs_total',
    help: 'What audits repaired',
    labelNames: ['audit', 'kind'],
    registers,
  });
  const keys = new Counter({
    name: 'holdfast_audit_keys_total',
    help: 'Keys that audits went over',
    labelNames: ['audit'],
    registers,
  });
  return {
    wentOver: (audit, count) => keys.inc({ audit }, count),
    auditEnded(audit, outcome, seconds) {
      runs.inc({ audit, outcome });
      duration.observe({ audit }, seconds);
      if (outcome === 'done') lastRun.setToCurrentTime({ audit });
    },
    findings: (audit, kind, count) => found.set({ audit, kind }, count),
    repaired: (audit, kind, count) => repairs.inc({ audit, kind }, count),
  };
}

function redisMetrics(registry: Registry): RedisMetrics {
  const errors = counterBy('kind', REDIS_ERROR_KINDS, {
    name: 'holdfast_redis_errors_total',
    help: 'What Redis did not do, by kind of reason',
    registers: [registry],
  });
  const redis: RedisMetrics = { up: false, failed: (kind) => errors.inc({ kind }) };
  new Gauge({
    name: 'holdfast_redis_up',
    help: '1 when the latest exchange with Redis succeeded',
    registers: [registry],
    collect() {
      this.set(redis.up ? 1 : 0);
    },
  });
  return redis;
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
