import type { RedisClient } from './create-redis.js';

/**
 * Resolves when commands can be sent. The client goes on trying in either case.
 *
 * @param timeoutMs milliseconds
 * @throws {Error} after that time, with the reason of the last failure, or as soon as the client is closed
 */
export function waitUntilReady(client: RedisClient, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    let reason = 'no answer';
    const settle = (error?: Error) => {
      clearTimeout(timer);
      client.off('ready', onReady);
      client.off('error', onError);
      client.off('end', onEnd);
      error === undefined ? resolve() : reject(error);
    };
    const onReady = () => settle();
    const onEnd = () => settle(new Error('the connection to Redis was closed before it was ready'));
    const onError = (error: Error) => {
      reason = error.message;
    };
    const timer = setTimeout(() => settle(new Error(`Redis is not ready after ${timeoutMs} ms: ${reason}`)), timeoutMs);
    client.on('ready', onReady);
    client.on('error', onError);
    client.on('end', onEnd);
  });
}
