import { type RedisErrorKind, redisErrorKind } from '@holdfast/redis-client';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { Clock, Timer } from '../ports/clock.js';

/** Whether Redis answers; `doubtful` is a failure that may be a connection's alone. */
type State = { readonly name: 'up' } | { readonly name: 'doubtful'; readonly timer: Timer } | { readonly name: 'away' };

export type StorageChange = 'away' | 'back';

/** Whether the part of Redis that a session lives on answers, and what its commands tell of that. */
export type SessionStorage = Pick<ShardHealth, 'away' | 'back' | 'worked' | 'failed' | 'doesNotStore'>;

export interface ShardHealthOptions {
  readonly logger: Logger;
  readonly metrics: RedisMetrics;
  readonly clock: Clock;
  /** Called each time Redis has answered. */
  readonly onAnswer: () => void;
  readonly onChange: (change: StorageChange) => void;
}

/** How long a connection may take to be made anew before its failure counts as an outage: a canary comes meanwhile. */
const DOUBT_MS = 600;
/** How often it is said that Redis answers but does not store. */
const COMPLAIN_EVERY_MS = 60_000;
/** Failures that say that Redis cannot be talked to. All others are answers. */
const OUTAGES: ReadonlySet<RedisErrorKind> = new Set([
  'timeout',
  'closed',
  'unreachable',
  'tls',
  'auth',
  'loading',
  'cluster',
]);

/**
 * Knows whether Redis, or one shard of it, answers (D1): the one place that changes that state. A command without an
 * answer in `REDIS_TIMEOUT_MS` is an outage at once; a lost connection only when the next one is no better.
 */
export class ShardHealth {
  readonly #options: ShardHealthOptions;
  #state: State = { name: 'up' };
  #waiting: (() => void)[] = [];
  #complainAgainMs = Number.NEGATIVE_INFINITY;

  constructor(options: ShardHealthOptions) {
    this.#options = options;
  }

  get away(): boolean {
    return this.#state.name === 'away';
  }

  /** Resolves when Redis answers; at once when it does. */
  back(): Promise<void> {
    if (!this.away) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets those who wait look again: their sessions may live elsewhere by now. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  worked(): void {
    const wasAway = this.away;
    if (this.#state.name !== 'up') this.#become({ name: 'up' });
    this.#options.onAnswer();
    if (!wasAway) return;
    this.#options.logger.info('Redis answers');
    this.release();
    this.#options.onChange('back');
  }

  failed(error: unknown): void {
    const { clock, metrics } = this.#options;
    const kind = kindOf(error);
    metrics.failed(kind);
    if (this.away || !OUTAGES.has(kind)) return;
    if (kind === 'timeout') return this.#declareAway(error, kind);
    if (this.#state.name === 'doubtful') return;
    const timer = clock.setTimeout(() => this.#declareAway(error, kind), DOUBT_MS);
    this.#become({ name: 'doubtful', timer });
  }

  /**
   * A session goes on in memory although Redis answers: it is full, a replica, or the session's slot is on the move.
   */
  doesNotStore(error: unknown): void {
    const nowMs = this.#options.clock.monotonic();
    if (this.away || nowMs < this.#complainAgainMs) return;
    this.#complainAgainMs = nowMs + COMPLAIN_EVERY_MS;
    const why = error instanceof Error ? error.message : String(error);
    const said = `Redis answers but does not store: ${why}`;
    this.#options.logger.error({ err: error, kind: kindOf(error) }, said);
  }

  stop(): void {
    if (this.#state.name === 'doubtful') this.#options.clock.clearTimeout(this.#state.timer);
  }

  #declareAway(error: unknown, kind: string): void {
    this.#become({ name: 'away' });
    this.#options.logger.error({ err: error, kind }, 'Redis does not answer: chat goes on in memory');
    this.#options.onChange('away');
  }

  #become(state: State): void {
    this.stop();
    this.#state = state;
  }
}

function kindOf(error: unknown): RedisErrorKind {
  return redisErrorKind(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
