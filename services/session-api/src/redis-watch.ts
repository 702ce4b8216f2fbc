import { type RedisClient, redisErrorKind } from '@holdfast/redis-client';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';

/** Milliseconds between two looks at Redis. */
const EVERY_MS = 1_000;

/** Knows whether Redis answers. */
export interface RedisWatch {
  readonly up: boolean;
  stop(): void;
}

/** Looks whether Redis answers, keeps the metric true, and says each change once in the log (D2). */
export function watchRedis(
  client: RedisClient,
  redis: RedisMetrics,
  logger: Pick<Logger, 'info' | 'warn'>,
): RedisWatch {
  let known: boolean | undefined;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    clearTimeout(timer);
    timer = setTimeout(look, EVERY_MS);
    client.ping().then(
      () => note(true, ''),
      (error: unknown) => {
        redis.failed(redisErrorKind(error));
        note(false, error instanceof Error ? error.message : String(error));
      },
    );
  }

  function note(up: boolean, reason: string): void {
    redis.up = up;
    if (up === known) return;
    if (!up) logger.warn({ reason }, 'Redis is away: answering 503 until it is back');
    else if (known === false) logger.info('Redis is back');
    known = up;
  }

  client.on('ready', look);
  // Before the first connection there is nothing to ask.
  timer = setTimeout(look, EVERY_MS);
  return {
    get up() {
      return known === true;
    },
    stop() {
      client.off('ready', look);
      clearTimeout(timer);
    },
  };
}
