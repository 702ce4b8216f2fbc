import { LatencyHistogram, type Metrics } from '@holdfast/telemetry';

/** Metrics that count and are never asked: those of a process take a registry and watch its real event loop. */
export function quietMetrics(): Metrics {
  const nothing = () => undefined;
  const counted = <T extends object>(of: Partial<T>): T =>
    new Proxy(of as T, {
      get: (target, name) => Reflect.get(target, name) ?? 0,
    });
  return {
    gateway: {
      counters: counted({}),
      gauges: counted({}),
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
