import type { RedisClient } from '@holdfast/redis-client';
import type { Logger, Metrics } from '@holdfast/telemetry';

export interface RedisWatchOptions {
  /** One whose commands fail at once, or in time, when Redis is away. */
  readonly client: RedisClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const CHECK_EVERY_MS = 1_000;

/** Knows whether Redis answers, and says so once each time that changes. */
export class RedisWatch {
  readonly #options: RedisWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #up: boolean | undefined;

  constructor(options: RedisWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.check(), CHECK_EVERY_MS);
    options.client.once('ready', () => void this.check());
  }

  /** What the last check gave; false before the first. */
  get up(): boolean {
    return this.#up ?? false;
  }

  /** Asks Redis now. */
  async check(): Promise<boolean> {
    const { client, logger, metrics } = this.#options;
    let reason = '';
    const up = await client.ping().then(
      () => true,
      (error: unknown) => {
        reason = error instanceof Error ? error.message : String(error);
        return false;
      },
    );
    metrics.redis.up = up;
    if (up !== this.#up) {
      if (!up) logger.error({ reason }, 'Redis is away; audits wait for it');
      else if (this.#up === false) logger.info('Redis is back; audits go on');
      this.#up = up;
    }
    return up;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
