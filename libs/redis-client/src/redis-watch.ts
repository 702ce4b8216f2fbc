import type { RedisClient } from './create-redis.js';
import { pingAll } from './ping-all.js';
import { type RedisErrorKind, redisErrorKind } from './redis-errors.js';

export interface RedisWatchOptions {
  /** One whose commands fail at once, or in time, when Redis is away. */
  readonly client: RedisClient;
  readonly metrics: { up: boolean; failed(kind: RedisErrorKind): void };
  /** Called once each time Redis is found away, with the reason. */
  readonly onAway: (reason: string) => void;
  /** Called once each time it answers again. */
  readonly onBack: () => void;
}

const CHECK_EVERY_MS = 1_000;

/** Knows whether Redis answers, keeps the metric true, and tells each change once (D2). */
export class RedisWatch {
  readonly #options: RedisWatchOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #onReady = () => void this.check();
  #up: boolean | undefined;

  constructor(options: RedisWatchOptions) {
    this.#options = options;
    // Before the first connection there is nothing to ask.
    this.#timer = setInterval(this.#onReady, CHECK_EVERY_MS);
    options.client.on('ready', this.#onReady);
  }

  /** What the last check gave; false before the first. */
  get up(): boolean {
    return this.#up ?? false;
  }

  /** Asks Redis now. */
  async check(): Promise<boolean> {
    const { client, metrics, onAway, onBack } = this.#options;
    let reason: string | undefined;
    try {
      await pingAll(client);
    } catch (error) {
      metrics.failed(redisErrorKind(error));
      reason = error instanceof Error ? error.message : String(error);
    }
    const before = this.#up;
    this.#up = reason === undefined;
    metrics.up = this.#up;
    if (reason !== undefined && before !== false) onAway(reason);
    if (reason === undefined && before === false) onBack();
    return this.#up;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#options.client.off('ready', this.#onReady);
  }
}
