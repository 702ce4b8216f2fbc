import { LatencyHistogram, type Metrics } from '@holdfast/telemetry';

const ZEROES = new Proxy({}, { get: () => 0 });

/** Metrics that nobody reads. Those of a real process need a registry and watch the real event loop. */
export function quietMetrics(): Metrics {
  const nothing = () => undefined;
  // Every counter begins at 0, which comes from the prototype until the counter is first written.
  const counted = <T extends object>(): T => Object.create(ZEROES) as T;
  return {
    gateway: {
      counters: counted(),
      gauges: counted(),
      appendSeconds: new LatencyHistogram(),
      deliverySeconds: new LatencyHistogram(),
      connected: nothing,
      disconnected: nothing,
      refused: nothing,
      errorSent: nothing,
      synced: nothing,
      unconfirmed: nothing,
    },
    api: { request: nothing, limited: nothing },
    sweeper: { wentOver: nothing, auditEnded: nothing, findings: nothing, repaired: nothing },
    redis: { up: true, failed: nothing, unreadable: nothing },
    process: { loopDelayMs: () => 0, overload: nothing },
    contentType: '',
    exposition: () => Promise.resolve(''),
    close: nothing,
  };
}
