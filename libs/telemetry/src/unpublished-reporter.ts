import type { RedisMetrics } from './create-metrics.js';
import type { Logger } from './logger.js';

/** Shortest time between two lines of the log, milliseconds. */
const LOG_EVERY_MS = 60_000;

/**
 * Reports what Redis has stored and refused to publish (A1). Each is counted as an error of the kind `unpublished`; the
 * log says so at most once a minute.
 *
 * @param nowMs a monotonic clock, milliseconds
 * @returns to be called with what Redis said
 */
export function unpublishedReporter(
  logger: Pick<Logger, 'error'>,
  redis: Pick<RedisMetrics, 'failed'>,
  nowMs: () => number = () => performance.now(),
): (reason: string) => void {
  let logAgainMs = Number.NEGATIVE_INFINITY;
  return (reason) => {
    redis.failed('unpublished');
    if (nowMs() < logAgainMs) return;
    logAgainMs = nowMs() + LOG_EVERY_MS;
    logger.error({ reason }, 'Redis stores and refuses to publish: members of other gateways see it late');
  };
}
