import type { RedisClient } from './create-redis.js';

/**
 * Closes the client for good: lets commands in flight finish when Redis answers, and drops them when it does not.
 * Resolves when no socket or timer of it is left; calling it again is harmless.
 *
 * @param timeoutMs milliseconds that commands in flight may take
 */
export async function closeRedis(client: RedisClient, timeoutMs = 1000): Promise<void> {
  if (client.status === 'end') return;
  // Between two attempts to connect there is no socket whose close would end the client.
  const connected = client.status !== 'reconnecting';
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  const timer = setTimeout(() => client.disconnect(), timeoutMs);
  try {
    await client.quit();
  } catch {
    // Not connected, so there is nothing in flight to wait for.
    client.disconnect();
  }
  if (connected) await ended;
  clearTimeout(timer);
}
