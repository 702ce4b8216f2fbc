import type { LatencyHistogram } from './latency-histogram.js';
import type { DrainState, RedisErrorKind, SyncOutcome } from './metric-labels.js';

/** Who is speaking: the labels that every metric and every log line carries. */
export interface ProcessIdentity {
  readonly service: 'gateway' | 'session-api' | 'sweeper';
  readonly color: 'blue' | 'green';
  readonly instance: string;
}

export type ConnectionProtocol = 'plain' | 'framed';
export type ConnectionPersistence = 'redis' | 'none';
/**
 * Counters of the message path: plain numbers that the gateway adds to and that are read on each scrape. They only
 * ever grow.
 */
export interface GatewayCounters {
  /** Messages members sent, before anything was decided about them. */
  messagesIn: number;
  /** Messages this gateway's appends stored. */
  stored: number;
  /** Messages this gateway published, with or without storing them. */
  published: number;
  /** Messages heard through fan-out, one per room here. */
  received: number;
  /** Message frames handed to members' sockets. */
  delivered: number;
  /** Of those delivered, the ones that a resuming member had missed (R1, R2). */
  recovered: number;
  /** Messages that were refused, or given up when the gateway closed: their senders keep them. */
  refused: number;
  /** Retries that were found stored already (A4). */
  duplicates: number;
  /** Gaps in the numbers that a room found and had to close (F2). */
  gaps: number;
  /** Messages of sessions without persistence that this gateway published. */
  ephemeral: number;
  /** Members closed because their backlog passed the limit (F6). */
  backpressureCloses: number;
}

/** State of a gateway, read on each scrape. */
export interface GatewayGauges {
  /** Sessions with members, or with a tail that is kept, here. */
  rooms: number;
  /** Of those, the ones that Redis does not store now (D1). */
  roomsInMemory: number;
  /** Bytes the tails hold (F5). */
  tailBytes: number;
  /** Age of the oldest message the tails hold (F5). */
  tailReachSeconds: number;
  /** Bytes of messages that members sent and that are not stored yet (D2). */
  unstoredBytes: number;
  /** How many those messages are. */
  unstoredMessages: number;
  /** Seconds since the gateway last heard itself through pub/sub (F3). */
  canaryAgeSeconds: number;
  drainState: DrainState;
  /** Members that a drain still waits for; 0 when there is none. */
  membersLeft: number;
}

export interface GatewayMetrics {
  readonly counters: GatewayCounters;
  readonly gauges: GatewayGauges;
  /** Seconds from sending an append to its answer. */
  readonly appendSeconds: LatencyHistogram;
  /** Seconds from a member's frame (here) to handing it to the room's members. */
  readonly deliverySeconds: LatencyHistogram;
  connected(protocol: ConnectionProtocol, persistence: ConnectionPersistence): void;
  /** @param code of the WebSocket; one that is not in the list counts as `other` */
  disconnected(protocol: ConnectionProtocol, persistence: ConnectionPersistence, code: number): void;
  /** An upgrade was refused with this HTTP status (C4). */
  refused(status: number): void;
  /** An error frame was sent (V11). */
  errorSent(code: string): void;
  synced(outcome: SyncOutcome): void;
}

export interface ApiMetrics {
  /** @param route as declared, with its parameters' names; absent: no route matched. @param seconds it took */
  request(route: string | undefined, method: string, status: number, seconds: number): void;
}

export interface SweeperMetrics {
  /** Keys an audit has gone over, counted as it goes. */
  wentOver(audit: string, keys: number): void;
  /** An audit ended. @param seconds it took */
  auditEnded(audit: string, outcome: 'done' | 'failed', seconds: number): void;
  /** What the latest run found: sets the number, also to 0. */
  findings(audit: string, kind: string, count: number): void;
  repaired(audit: string, kind: string, count: number): void;
}

export interface RedisMetrics {
  /** Whether the latest exchange with Redis succeeded. */
  up: boolean;
  failed(kind: RedisErrorKind): void;
}

/** Everything one process counts. Only what belongs to its own service is in its exposition. */
export interface Metrics {
  readonly gateway: GatewayMetrics;
  readonly api: ApiMetrics;
  readonly sweeper: SweeperMetrics;
  readonly redis: RedisMetrics;
  readonly contentType: string;
  /** The Prometheus text of this moment. */
  exposition(): Promise<string>;
  /** Stops measuring. */
  close(): void;
}
