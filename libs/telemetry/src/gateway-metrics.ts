import { LatencyHistogram } from './latency-histogram.js';
import {
  CLOSE_CODES,
  type ConnectionPersistence,
  type ConnectionProtocol,
  type DrainState,
  OTHER_CLOSE_CODE,
  type SyncOutcome,
  type UnconfirmedKind,
} from './metric-labels.js';
import { GATEWAY, GATEWAY_COUNTERS, GATEWAY_GAUGES } from './metrics.js';
import { counter, gauge, type Registers, readCounter, readGauge, readState } from './prometheus.js';

/** Counters of the message path. They only ever grow. */
export type GatewayCounters = { [Field in keyof typeof GATEWAY_COUNTERS]: number };

/** State of a gateway. Bytes, seconds or a count, as the metric's name says. */
export type GatewayGauges = { [Field in keyof typeof GATEWAY_GAUGES]: number } & { drainState: DrainState };

export interface GatewayMetrics {
  readonly counters: GatewayCounters;
  readonly gauges: GatewayGauges;
  /** Seconds from sending an append to its answer. */
  readonly appendSeconds: LatencyHistogram;
  /** Seconds from receiving a member's frame here to handing it to the room's members. */
  readonly deliverySeconds: LatencyHistogram;
  connected(protocol: ConnectionProtocol, persistence: ConnectionPersistence): void;
  /** @param code of the WebSocket; one that is not in the list counts as `other` */
  disconnected(protocol: ConnectionProtocol, persistence: ConnectionPersistence, code: number): void;
  /** An upgrade was refused with this HTTP status (C4). */
  refused(status: number): void;
  /** An error frame was sent (V11). */
  errorSent(code: string): void;
  synced(outcome: SyncOutcome): void;
  /** Something that pub/sub brought was ignored (F8). */
  unconfirmed(kind: UnconfirmedKind): void;
}

export function gatewayMetrics(registers: Registers): GatewayMetrics {
  // Literals, because these are written for each message: V8 keeps the fields of a literal in the object itself.
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
    historyReads: 0,
    backpressureCloses: 0,
  };
  const gauges: GatewayGauges = {
    rooms: 0,
    roomsInMemory: 0,
    tailBytes: 0,
    tailReachSeconds: 0,
    historyPageBytes: 0,
    unstoredBytes: 0,
    unstoredMessages: 0,
    canaryAgeSeconds: 0,
    drainState: 'serving',
    membersLeft: 0,
  };
  exposeFields(counters, gauges, registers);
  const connections = gauge(GATEWAY.connections, registers);
  const connects = counter(GATEWAY.connects, registers);
  const closes = counter(GATEWAY.closes, registers);
  const refusals = counter(GATEWAY.refusals, registers);
  const errorFrames = counter(GATEWAY.errorFrames, registers);
  const syncs = counter(GATEWAY.syncs, registers);
  const unconfirmed = counter(GATEWAY.unconfirmed, registers);
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
      closes.inc({ code: CLOSE_CODES.includes(String(code)) ? code : OTHER_CLOSE_CODE });
    },
    refused: (status) => refusals.inc({ status }),
    errorSent: (code) => errorFrames.inc({ code }),
    synced: (outcome) => syncs.inc({ outcome }),
    unconfirmed: (kind) => unconfirmed.inc({ kind }),
  };
}

/** Has plain fields read on each scrape. */
function exposeFields(counters: GatewayCounters, gauges: GatewayGauges, registers: Registers): void {
  for (const field of fieldsOf(GATEWAY_COUNTERS)) {
    readCounter(GATEWAY_COUNTERS[field], registers, () => counters[field]);
  }
  for (const field of fieldsOf(GATEWAY_GAUGES)) readGauge(GATEWAY_GAUGES[field], registers, () => gauges[field]);
  readGauge(GATEWAY.ledgerImbalance, registers, () => ledgerImbalance(counters, gauges));
  readState(GATEWAY.drainState, registers, () => gauges.drainState);
}

const fieldsOf = <T extends object>(definitions: T) => Object.keys(definitions) as (keyof T)[];

/** Every message that came in has exactly one fate. */
function ledgerImbalance(counters: GatewayCounters, gauges: GatewayGauges): number {
  const { messagesIn, stored, duplicates, ephemeral, refused } = counters;
  return messagesIn - stored - duplicates - ephemeral - refused - gauges.unstoredMessages;
}
