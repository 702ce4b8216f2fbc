import { redisErrorKind } from '@holdfast/redis-client';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { Clock, Timer } from './clock.js';

/** Whether Redis answers; `doubtful` is a failure that may be a connection's alone. */
type State = { readonly name: 'up' } | { readonly name: 'doubtful'; readonly timer: Timer } | { readonly name: 'away' };

export type StorageChange = 'away' | 'back';

/** How long a connection may take to be made anew before its failure counts as an outage. */
const DOUBT_MS = 300;

/**
 * Knows whether Redis answers (D1): the one place that changes that state. A command without an answer in
 * `REDIS_TIMEOUT_MS` is an outage at once; a lost connection only when the next one is no better.
 */
export class StorageWatch {
  readonly #logger: Logger;
  readonly #metrics: RedisMetrics;
  readonly #clock: Clock;
  readonly #listeners: ((change: StorageChange) => void)[] = [];
  #state: State = { name: 'up' };
  #waiting: (() => void)[] = [];

  constructor(logger: Logger, metrics: RedisMetrics, clock: Clock) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  get away(): boolean {
    return this.#state.name === 'away';
  }

  onChange(listener: (change: StorageChange) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when Redis answers; at once when it does. */
  back(): Promise<void> {
    if (!this.away) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  worked(): void {
    this.#metrics.up = true;
    if (this.#state.name === 'up') return;
    const wasAway = this.away;
    this.#become({ name: 'up' });
    if (!wasAway) return;
    this.#logger.info('Redis answers');
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    for (const listener of this.#listeners) listener('back');
  }

  failed(error: unknown): void {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const kind = redisErrorKind(cause);
    this.#metrics.failed(kind);
    if (this.away) return;
    if (kind === 'timeout') return this.#declareAway(error, kind);
    if (this.#state.name === 'doubtful') return;
    const timer = this.#clock.setTimeout(() => this.#declareAway(error, kind), DOUBT_MS);
    this.#become({ name: 'doubtful', timer });
  }

  stop(): void {
    if (this.#state.name === 'doubtful') this.#clock.clearTimeout(this.#state.timer);
  }

  #declareAway(error: unknown, kind: string): void {
    this.#become({ name: 'away' });
    this.#metrics.up = false;
    this.#logger.error({ err: error, kind }, 'Redis does not answer: chat goes on in memory');
    for (const listener of this.#listeners) listener('away');
  }

  #become(state: State): void {
    if (this.#state.name === 'doubtful') this.#clock.clearTimeout(this.#state.timer);
    this.#state = state;
  }
}
