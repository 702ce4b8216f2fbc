import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { watchEventLoop } from './event-loop-delay.js';
import { type GatewayMetrics, gatewayMetrics } from './gateway-metrics.js';
import type { LatencyHistogram } from './latency-histogram.js';
import type { ApiLimit, RedisErrorKind, ScarceResource, UnreadableReason } from './metric-labels.js';
import { EVERY_PROCESS, GATEWAY, type MetricDefinition, SESSION_API, SWEEPER } from './metrics.js';
import { counter, gauge, histogram, type Registers, readGauge } from './prometheus.js';

/** The process that speaks: these are the labels of every metric and the fields of every log line. */
export interface ProcessIdentity {
  readonly service: 'gateway' | 'session-api' | 'sweeper';
  readonly color: 'blue' | 'green';
  readonly instance: string;
}

export interface ApiMetrics {
  /**
   * @param route as declared, with the names of its parameters; absent: no route matched
   * @param seconds that the answer took
   */
  request(route: string | undefined, method: string, status: number, seconds: number): void;
  /** A request was refused with 429. */
  limited(limit: ApiLimit): void;
}

export interface SweeperMetrics {
  /** An audit has examined so many more keys; counted while it runs. */
  wentOver(audit: string, keys: number): void;
  /** @param seconds that the audit took */
  auditEnded(audit: string, outcome: 'done' | 'failed', seconds: number): void;
  /** Sets the number of faults that the latest run found, also to 0. */
  findings(audit: string, kind: string, count: number): void;
  /** So many faults were repaired. */
  repaired(audit: string, kind: string, count: number): void;
}

export interface RedisMetrics {
  /** Whether the latest exchange with Redis succeeded. */
  up: boolean;
  failed(kind: RedisErrorKind): void;
  /** An encrypted text could not be opened (E1). */
  unreadable(reason: UnreadableReason): void;
}

export interface ProcessMetrics {
  /** How late most timers run at present, milliseconds. */
  loopDelayMs(): number;
  /** Whom the process refuses for want of a resource: 0 nobody, 1 new members, 2 everybody (B7). */
  overload(resource: ScarceResource, refused: 0 | 1 | 2): void;
}

/** All that a process counts. Only the metrics of its own service are in its exposition. */
export interface Metrics {
  readonly gateway: GatewayMetrics;
  readonly api: ApiMetrics;
  readonly sweeper: SweeperMetrics;
  readonly redis: RedisMetrics;
  readonly process: ProcessMetrics;
  /** Of the {@link exposition}, for HTTP. */
  readonly contentType: string;
  /** Every metric at this moment, in the text format of Prometheus. */
  exposition(): Promise<string>;
  /** Stops measuring. */
  close(): void;
}

/**
 * Creates the metrics of one process. Each call has a registry of its own, so that several services can live in one
 * process.
 */
export function createMetrics(identity: ProcessIdentity): Metrics {
  const registry = new Registry();
  const { service, color, instance } = identity;
  const labels = { service, color, instance };
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  gauge(EVERY_PROCESS.buildInfo, [registry]).set({ version: ownVersion(), node_version: process.version }, 1);
  const of = (owner: ProcessIdentity['service']) => (owner === service ? [registry] : []);
  const gateway = gatewayMetrics(of('gateway'));
  const loop = watchEventLoop();
  const overload = gauge(EVERY_PROCESS.overload, [registry]);
  const latencies: (readonly [MetricDefinition<never>, LatencyHistogram])[] = [
    [EVERY_PROCESS.eventLoopDelay, loop.histogram],
  ];
  if (service === 'gateway') {
    latencies.unshift(
      [GATEWAY.appendSeconds, gateway.appendSeconds],
      [GATEWAY.deliverySeconds, gateway.deliverySeconds],
    );
  }
  return {
    gateway,
    api: apiMetrics(of('session-api')),
    sweeper: sweeperMetrics(of('sweeper')),
    redis: redisMetrics([registry]),
    process: {
      loopDelayMs: loop.typicalMs,
      overload: (resource, refused) => overload.set({ resource }, refused),
    },
    contentType: registry.contentType,
    async exposition() {
      const text = await registry.metrics();
      const exposed = latencies.map(([{ name, help }, latency]) => latency.expose(name, help, labels));
      return `${text}\n${exposed.join('\n\n')}\n`;
    },
    close: loop.stop,
  };
}

function apiMetrics(registers: Registers): ApiMetrics {
  const requests = counter(SESSION_API.requests, registers);
  const duration = histogram(SESSION_API.requestDuration, registers);
  const limited = counter(SESSION_API.limited, registers);
  return {
    limited: (limit) => limited.inc({ limit }),
    request(given, method, status, seconds) {
      const route = given ?? 'none';
      requests.inc({ route, method, status });
      duration.observe({ route, method }, seconds);
    },
  };
}

function sweeperMetrics(registers: Registers): SweeperMetrics {
  const runs = counter(SWEEPER.runs, registers);
  const duration = histogram(SWEEPER.duration, registers);
  const lastRun = gauge(SWEEPER.lastRun, registers);
  const findings = gauge(SWEEPER.findings, registers);
  const repairs = counter(SWEEPER.repairs, registers);
  const keys = counter(SWEEPER.keys, registers);
  return {
    wentOver: (audit, count) => keys.inc({ audit }, count),
    auditEnded(audit, outcome, seconds) {
      runs.inc({ audit, outcome });
      duration.observe({ audit }, seconds);
      if (outcome === 'done') lastRun.setToCurrentTime({ audit });
    },
    findings: (audit, kind, count) => findings.set({ audit, kind }, count),
    repaired: (audit, kind, count) => repairs.inc({ audit, kind }, count),
  };
}

function redisMetrics(registers: Registers): RedisMetrics {
  const errors = counter(EVERY_PROCESS.redisErrors, registers);
  const unreadable = counter(EVERY_PROCESS.unreadable, registers);
  const redis: RedisMetrics = {
    up: false,
    failed: (kind) => errors.inc({ kind }),
    unreadable: (reason) => unreadable.inc({ reason }),
  };
  readGauge(EVERY_PROCESS.redisUp, registers, () => (redis.up ? 1 : 0));
  return redis;
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
