import { Redis } from 'ioredis';
import { RedisSessionManager } from './redis-session-manager.js';
import { RedisSessionStore } from './redis-session-store.js';

let shared: { manager: RedisSessionManager; client: Redis } | undefined;

/**
 * The process' one session manager, connected on first use as the environment says: `CHANNEL_REDIS_URL` (default
 * `redis://localhost:6379/0`) and `REDIS_SESSION_TTL` (seconds, default 3600). For Sentinel, Cluster or a connection
 * of your own, build `new RedisSessionManager(new RedisSessionStore(client))`.
 */
export function getRedisSessionManager(): RedisSessionManager {
  if (!shared) {
    const url = process.env['CHANNEL_REDIS_URL'] ?? 'redis://localhost:6379/0';
    const client = new Redis(url, { autoResendUnfulfilledCommands: false });
    const defaultTtl = Number(process.env['REDIS_SESSION_TTL'] ?? 3600);
    shared = { manager: new RedisSessionManager(new RedisSessionStore(client, { defaultTtl })), client };
  }
  return shared.manager;
}

/** Ends the connection that {@link getRedisSessionManager} opened, so that a script can end. */
export async function closeRedisSessionManager(): Promise<void> {
  const closing = shared;
  shared = undefined;
  await closing?.client.quit();
}
