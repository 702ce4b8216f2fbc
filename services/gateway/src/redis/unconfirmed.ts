import type { GatewayMetrics, Logger, UnconfirmedKind } from '@holdfast/telemetry';
import type { Clock } from '../ports/clock.js';
import { RateLimit } from '../ports/rate-limit.js';

/** Looks into Redis that are added each second, and most that are saved up. */
const LOOKS_PER_SECOND = 4;
const LOOKS_MAX = 10;

/** The log tells at most this often that something was ignored; the metric tells how much. */
const SAY_EVERY_MS = 60_000;

/**
 * Counts what came through pub/sub, and was ignored because Redis did not confirm it or because it could not be read
 * (F8). There may be a flood of it.
 */
export class Unconfirmed {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: Pick<GatewayMetrics, 'unconfirmed'>;
  #sayAgainMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, logger: Logger, metrics: Pick<GatewayMetrics, 'unconfirmed'>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** @param sessionId of the channel; absent for broadcasts @param err what was thrown about it */
  ignored(kind: UnconfirmedKind, sessionId?: string, err?: unknown): void {
    this.#metrics.unconfirmed(kind);
    const nowMs = this.#clock.monotonic();
    if (nowMs < this.#sayAgainMs) return;
    this.#sayAgainMs = nowMs + SAY_EVERY_MS;
    const line = 'What a channel of Redis brought was not confirmed by what Redis stores: ignored. Said once a minute';
    this.#logger.warn({ kind, sessionId, err }, line);
  }
}

/**
 * How often something that pub/sub brings may make a gateway look into Redis (F8): ten times at once, then four times a
 * second, so that a flood of payloads does not become a flood of reads.
 *
 * @param nowMs monotonic milliseconds
 */
export function looksIntoRedis(nowMs: number): RateLimit {
  return new RateLimit(LOOKS_PER_SECOND, LOOKS_MAX, nowMs);
}
