import { LatencyHistogram, type Metrics } from '@holdfast/telemetry';

const ZEROES = new Proxy({}, { get: () => 0 });

/** Metrics that count and are never asked: those of a process take a registry and watch its real event loop. */
export function quietMetrics(): Metrics {
  const nothing = () => undefined;
  // Whatever is counted begins at 0; its second reading finds it in the object itself.
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
    },
    api: { request: nothing },
    sweeper: { wentOver: nothing, auditEnded: nothing, findings: nothing, repaired: nothing },
    redis: { up: true, failed: nothing },
    contentType: '',
    exposition: () => Promise.resolve(''),
    close: nothing,
  };
}
