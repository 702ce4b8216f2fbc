import { redisErrorKind } from '@holdfast/redis-client';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { Clock } from './clock.js';

/**
 * Redis counts as back when nothing has failed for this long, which is longer than anyone pauses between two attempts:
 * one that refuses writes answers everything else, and would come and go with every command.
 */
const QUIET_MS = 3_000;

/** Says what happens to sessions and to Redis in the words of the seeds; an outage is said once, not once a command. */
export class Reporter {
  readonly #logger: Logger;
  readonly #redis: RedisMetrics;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #failedMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, redis: RedisMetrics, clock: Pick<Clock, 'monotonic'>) {
    this.#logger = logger;
    this.#redis = redis;
    this.#clock = clock;
  }

  /** @param ttl seconds */
  stored(sessionId: string, ttl: number): void {
    this.#logger.info({ sessionId, ttl }, `Session stored in Redis: ${sessionId}, TTL: ${ttl}s`);
  }

  loaded(sessionId: string, count: number): void {
    this.#logger.info({ sessionId, count }, `Session loaded from Redis: ${sessionId}, count: ${count}`);
  }

  /** @param fault what was wrong with what is now in quarantine (A6) */
  quarantined(sessionId: string, fault: string): void {
    this.#logger.error({ sessionId, fault }, `Session could not be read and was reset: ${sessionId}, ${fault}`);
  }

  storageWorked(): void {
    if (this.#redis.up || this.#clock.monotonic() - this.#failedMs < QUIET_MS) return;
    this.#redis.up = true;
    this.#logger.info('Redis answers');
  }

  storageFailed(error: unknown): void {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const kind = redisErrorKind(cause);
    this.#redis.failed(kind);
    this.#failedMs = this.#clock.monotonic();
    if (!this.#redis.up) return;
    this.#redis.up = false;
    this.#logger.error({ err: error, kind }, 'Redis does not answer');
  }
}
