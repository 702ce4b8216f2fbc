import { type RedisErrorKind, redisErrorKind } from '@holdfast/redis-client';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { Clock, Timer } from '../ports/clock.js';

/** Whether Redis answers. `doubtful`: a connection failed, and the next one may work; away when the timer fires. */
type State = { readonly name: 'up' } | { readonly name: 'doubtful'; readonly timer: Timer } | { readonly name: 'away' };

export type ShardChange = 'away' | 'back';

/**
 * Whether the part of Redis that a session lives on answers. Whoever sends it a command reports here what became of it.
 */
export type SessionShard = Pick<ShardHealth, 'current' | 'away' | 'back' | 'worked' | 'failed' | 'doesNotStore'>;

export interface ShardHealthOptions {
  readonly logger: Logger;
  readonly metrics: RedisMetrics;
  readonly clock: Clock;
  /** Called each time Redis has answered. */
  readonly onAnswer: () => void;
  /** Called after each change between answering and away. */
  readonly onChange: (change: ShardChange) => void;
}

/** A connection that was lost counts as an outage after this time: longer than a canary takes to try the next one. */
const DOUBT_MS = 600;
/** The log repeats at most this often that Redis answers but does not store. */
const COMPLAIN_EVERY_MS = 60_000;
/** Failures that mean that Redis cannot be talked to. Any other failure is an answer of Redis. */
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
 * Knows whether one shard of Redis answers (D1), and is the only place where that state changes. A command without an
 * answer within `REDIS_TIMEOUT_MS` is an outage at once; a lost connection is one only when the next connection fails
 * as well. Any answer ends the outage.
 */
export class ShardHealth {
  readonly #options: ShardHealthOptions;
  #state: State = { name: 'up' };
  /** Callers of {@link back}. */
  #waiting: (() => void)[] = [];
  #complainAgainMs = Number.NEGATIVE_INFINITY;

  constructor(options: ShardHealthOptions) {
    this.#options = options;
  }

  /** Stands for the shard: the same for all sessions that live on it now. */
  get current(): ShardHealth {
    return this;
  }

  get away(): boolean {
    return this.#state.name === 'away';
  }

  /** Resolves when Redis answers again; at once when it does already. */
  back(): Promise<void> {
    if (!this.away) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves every {@link back}: the sessions may live on another shard by now, and their rooms have to look again. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** A command was answered. */
  worked(): void {
    const wasAway = this.away;
    if (this.#state.name !== 'up') this.#become({ name: 'up' });
    this.#options.onAnswer();
    if (!wasAway) return;
    this.#options.logger.info('Redis answers');
    this.release();
    this.#options.onChange('back');
  }

  /** A command failed. */
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
   * A session goes on in memory although Redis answers: Redis is full or a read-only replica, or the session's slot is
   * on the move. Only the log is told.
   */
  doesNotStore(error: unknown): void {
    const nowMs = this.#options.clock.monotonic();
    if (this.away || nowMs < this.#complainAgainMs) return;
    this.#complainAgainMs = nowMs + COMPLAIN_EVERY_MS;
    const reason = error instanceof Error ? error.message : String(error);
    const line = `Redis answers but does not store: ${reason}`;
    this.#options.logger.error({ err: error, kind: kindOf(error) }, line);
  }

  stop(): void {
    if (this.#state.name === 'doubtful') this.#options.clock.clearTimeout(this.#state.timer);
  }

  #declareAway(error: unknown, kind: RedisErrorKind): void {
    this.#become({ name: 'away' });
    this.#options.logger.error({ err: error, kind }, 'Redis does not answer: chat goes on in memory');
    this.#options.onChange('away');
  }

  #become(state: State): void {
    this.stop();
    this.#state = state;
  }
}

/** The store wraps the error of Redis as the cause of its own. */
function kindOf(error: unknown): RedisErrorKind {
  return redisErrorKind(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
