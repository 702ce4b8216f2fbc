export { type AdminListener, type AdminListenerOptions, type Readiness, startAdminListener } from './admin-listener.js';
export { LATENCY_BOUNDS, LatencyHistogram } from './latency-histogram.js';
export { createLogger, type Logger, type LoggerOptions } from './logger.js';
export {
  CLOSE_CODES,
  type DrainState,
  ERROR_CODES,
  REDIS_ERROR_KINDS,
  type RedisErrorKind,
  type SyncOutcome,
} from './metric-labels.js';
export type * from './metric-types.js';
export { createMetrics } from './metrics.js';
export { createShutdown, type Shutdown } from './shutdown.js';
