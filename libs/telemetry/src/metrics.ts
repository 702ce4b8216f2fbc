import { LOOP_SAMPLE_MS } from './event-loop-delay.js';
import {
  API_LIMITS,
  CLOSE_CODES,
  DRAIN_STATES,
  ERROR_CODES,
  OTHER_CLOSE_CODE,
  PERSISTENCES,
  PROTOCOLS,
  REDIS_ERROR_KINDS,
  REFUSALS,
  SCARCE_RESOURCES,
  SYNC_OUTCOMES,
  UNCONFIRMED_KINDS,
  UNREADABLE_REASONS,
} from './metric-labels.js';

/*
 * Every metric of the product: its name, what it means, its labels and buckets. How a metric gets its values stands in
 * `gateway-metrics.ts` and `create-metrics.ts`.
 *
 * The meanings are shown by Prometheus and in `docs/reference/metrics.md`. A unit is the last part of the name.
 */

/** One metric. Every sample also has the labels `service`, `color` and `instance`. */
export interface MetricDefinition<Label extends string = string> {
  readonly name: string;
  readonly help: string;
  /** By label, the values that are known before they happen; none where only use shows them. */
  readonly labels: Readonly<Record<Label, readonly string[]>>;
}

/** A histogram with its upper bounds, in the metric's unit. */
export interface HistogramDefinition<Label extends string = string> extends MetricDefinition<Label> {
  readonly buckets: readonly number[];
}

function metric(name: string, help: string): MetricDefinition<never>;
function metric<L extends string>(
  name: string,
  help: string,
  labels: Record<L, readonly string[]>,
): MetricDefinition<L>;
function metric(name: string, help: string, labels: Record<string, readonly string[]> = {}): MetricDefinition {
  return { name, help, labels };
}

/** A label whose values only use shows. None holds a session, a member or anything else that grows with use. */
const ANY: readonly string[] = [];

/** Counters of a gateway's message path: plain numbers that the gateway adds to, read on each scrape. */
export const GATEWAY_COUNTERS = {
  messagesIn: metric(
    'holdfast_messages_in_total',
    'Messages that members sent, before anything was decided about them',
  ),
  stored: metric('holdfast_messages_stored_total', 'Messages that this gateway stored in Redis'),
  published: metric('holdfast_messages_published_total', 'Messages that this gateway published, stored or not'),
  /** Counted once for each room here. */
  received: metric('holdfast_messages_received_total', 'Messages received through pub/sub, once per room'),
  delivered: metric('holdfast_messages_delivered_total', 'Message frames handed to the sockets of members'),
  /** These are among {@link delivered} (R1, R2). */
  recovered: metric('holdfast_messages_recovered_total', 'Delivered message frames that a resuming member had missed'),
  refused: metric(
    'holdfast_messages_refused_total',
    'Messages refused, or given up when the gateway closed; their senders still have them',
  ),
  /** (A4) */
  duplicates: metric('holdfast_message_duplicates_total', 'Repeated sends of messages that were stored before'),
  /** (F2) */
  gaps: metric('holdfast_gaps_total', 'Gaps that rooms found in the numbers of messages'),
  ephemeral: metric(
    'holdfast_messages_ephemeral_total',
    'Messages published in sessions without persistence, which are never stored',
  ),
  /** (F9) */
  historyReads: metric('holdfast_history_reads_total', 'Pages of histories that were read from Redis for members'),
  /** (F6) */
  backpressureCloses: metric('holdfast_backpressure_closes_total', 'Members disconnected because they read too slowly'),
};

/** State of a gateway: plain numbers that the gateway sets, read on each scrape. */
export const GATEWAY_GAUGES = {
  /** With members here, or with a tail that is kept. */
  rooms: metric('holdfast_rooms', 'Sessions that are live on this gateway'),
  /** (D1) */
  roomsInMemory: metric(
    'holdfast_rooms_in_memory',
    'Live sessions here whose messages Redis does not store at present',
  ),
  /** (F5) */
  tailBytes: metric('holdfast_tail_bytes', 'Memory that the newest messages of live sessions take'),
  /** (F5) */
  tailReachSeconds: metric('holdfast_tail_reach_seconds', 'Age of the oldest message kept in memory'),
  /** (F9) */
  historyPageBytes: metric(
    'holdfast_history_page_bytes',
    'Pages of histories kept in memory for members who read them',
  ),
  /** (D2) */
  unstoredBytes: metric(
    'holdfast_unstored_bytes',
    'Size of the messages that members sent and that are not stored yet',
  ),
  unstoredMessages: metric('holdfast_messages_pending', 'Messages that members sent and that are not stored yet'),
  /** (F3) */
  canaryAgeSeconds: metric(
    'holdfast_canary_age_seconds',
    'Time since this gateway last received its own canary message through pub/sub',
  ),
  membersLeft: metric('holdfast_drain_members_left', 'Members that a drain still waits for; 0 without a drain'),
};

export const GATEWAY = {
  drainState: metric('holdfast_drain_state', '1 for the state that this gateway is in, 0 for the others', {
    state: DRAIN_STATES,
  }),
  ledgerImbalance: metric(
    'holdfast_ledger_imbalance',
    'Messages from members whose outcome is unknown: not stored, repeated, published unstored, refused or pending; always 0',
  ),
  connections: metric('holdfast_connections', 'Open WebSocket connections', {
    protocol: PROTOCOLS,
    persistence: PERSISTENCES,
  }),
  connects: metric('holdfast_connects_total', 'WebSocket connections opened', {
    protocol: PROTOCOLS,
    persistence: PERSISTENCES,
  }),
  closes: metric('holdfast_closes_total', 'WebSocket connections closed, by close code', {
    code: [...CLOSE_CODES, OTHER_CLOSE_CODE],
  }),
  /** (C2, C4) */
  refusals: metric('holdfast_connect_refusals_total', 'WebSocket upgrades refused, by HTTP status', {
    status: REFUSALS,
  }),
  /** (V11) */
  errorFrames: metric('holdfast_error_frames_total', 'Error frames sent to members, by error code', {
    code: ERROR_CODES,
  }),
  syncs: metric('holdfast_sync_runs_total', 'Comparisons of a room with the log in Redis, by outcome', {
    outcome: SYNC_OUTCOMES,
  }),
  /** (F8) */
  unconfirmed: metric(
    'holdfast_unconfirmed_total',
    'What pub/sub brought and Redis did not confirm, or nobody could read; it was ignored',
    { kind: UNCONFIRMED_KINDS },
  ),
  appendSeconds: metric('holdfast_append_seconds', 'Time from sending an append to Redis to its answer'),
  deliverySeconds: metric(
    'holdfast_delivery_seconds',
    "Time from receiving a member's message here to handing it to the members of its room",
  ),
};

export const SESSION_API = {
  /** (M2, M5) */
  limited: metric('holdfast_api_limited_total', 'HTTP requests refused with 429, by the limit that was reached', {
    limit: API_LIMITS,
  }),
  requests: metric('holdfast_api_requests_total', 'HTTP requests answered', { route: ANY, method: ANY, status: ANY }),
  requestDuration: {
    ...metric('holdfast_api_request_duration_seconds', 'Time to answer an HTTP request', { route: ANY, method: ANY }),
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
};

export const SWEEPER = {
  runs: metric('holdfast_audit_runs_total', 'Audits that ended, by outcome', { audit: ANY, outcome: ANY }),
  duration: {
    ...metric('holdfast_audit_duration_seconds', 'Time that an audit took', { audit: ANY }),
    buckets: [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900],
  },
  lastRun: metric('holdfast_audit_last_run_timestamp_seconds', 'When an audit was last completed, in Unix time', {
    audit: ANY,
  }),
  findings: metric('holdfast_audit_findings', 'Faults that the latest run of an audit found, by kind', {
    audit: ANY,
    kind: ANY,
  }),
  repairs: metric('holdfast_audit_repairs_total', 'Faults that audits repaired, by kind', { audit: ANY, kind: ANY }),
  keys: metric('holdfast_audit_keys_total', 'Keys in Redis that audits examined', { audit: ANY }),
};

export const EVERY_PROCESS = {
  buildInfo: metric('holdfast_build_info', 'Always 1; the labels tell which versions run', {
    version: ANY,
    node_version: ANY,
  }),
  redisErrors: metric('holdfast_redis_errors_total', 'Failures of Redis or of the connection to it, by kind', {
    kind: REDIS_ERROR_KINDS,
  }),
  /** (E1) */
  unreadable: metric(
    'holdfast_unreadable_total',
    'Encrypted messages, custom fields and payloads that could not be opened, each time they were read',
    { reason: UNREADABLE_REASONS },
  ),
  redisUp: metric('holdfast_redis_up', '1 when the latest exchange with Redis succeeded, else 0'),
  /** (B7) */
  overload: metric(
    'holdfast_overload',
    'Whom the process refuses for want of a resource: 0 nobody, 1 new members, 2 everybody',
    { resource: SCARCE_RESOURCES },
  ),
  eventLoopDelay: metric(
    'holdfast_event_loop_delay_seconds',
    `How late timers run, measured every ${LOOP_SAMPLE_MS} ms`,
  ),
};
