export { type AdminListener, type AdminListenerOptions, type Readiness, startAdminListener } from './admin-listener.js';
export {
  type ApiMetrics,
  createMetrics,
  type Metrics,
  type ProcessIdentity,
  type ProcessMetrics,
  type RedisMetrics,
  type SweeperMetrics,
} from './create-metrics.js';
export { type DescriptorSource, Descriptors, limitConnections } from './descriptors.js';
export type { GatewayCounters, GatewayGauges, GatewayMetrics } from './gateway-metrics.js';
export { LATENCY_BOUNDS, LatencyHistogram } from './latency-histogram.js';
export { createLogger, type Logger, type LoggerOptions, logUncaught } from './logger.js';
export {
  type ApiLimit,
  CLOSE_CODES,
  type ConnectionPersistence,
  type ConnectionProtocol,
  type DrainState,
  ERROR_CODES,
  REDIS_ERROR_KINDS,
  type RedisErrorKind,
  SCARCE_RESOURCES,
  type ScarceResource,
  type SyncOutcome,
  type UnconfirmedKind,
} from './metric-labels.js';
export { type LoadReadiness, ProcessLoad, type ProcessLoadOptions } from './process-load.js';
export { createShutdown, type Shutdown } from './shutdown.js';
export { unpublishedReporter } from './unpublished-reporter.js';
