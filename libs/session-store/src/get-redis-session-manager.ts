import { DEFAULT_SESSION_TTL } from '@holdfast/protocol';
import { Redis } from 'ioredis';
import { type Names, namesOf } from './keys.js';
import { RedisSessionManager, TTL_MAX_SECONDS } from './redis-session-manager.js';
import { RedisSessionStore } from './redis-session-store.js';
import { sealFrom } from './seal.js';
import { SealedSessionStore } from './sealed-session-store.js';

let shared: { manager: RedisSessionManager; client: Redis } | undefined;

/**
 * The one session manager of this process. It connects on first use as the environment says: `CHANNEL_REDIS_URL`
 * (default `redis://localhost:6379/0`), `REDIS_KEY_PREFIX` (default empty), `REDIS_SESSION_TTL` (seconds, default
 * 3600) and `SESSION_ENCRYPTION_KEYS` (E1; default none). For Sentinel, Cluster or a
 * connection of your own, build `new RedisSessionManager(new RedisSessionStore(client))`.
 *
 * @throws {RangeError} when the environment names no single Redis, no whole number of seconds, an ill-formed prefix, or ill-formed keys
 */
export function getRedisSessionManager(): RedisSessionManager {
  if (!shared) {
    const url = redisUrl(process.env['CHANNEL_REDIS_URL'] ?? 'redis://localhost:6379/0');
    const defaultTtl = wholeSeconds(process.env['REDIS_SESSION_TTL'] ?? String(DEFAULT_SESSION_TTL));
    const seal = sealFrom(process.env['SESSION_ENCRYPTION_KEYS'] ?? '');
    // While Redis is away, calls fail instead of waiting in memory (D2), and none is sent twice (A5).
    const names = namesIn(url, process.env['REDIS_KEY_PREFIX']);
    const client = new Redis(url, { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 1 });
    // Every failure rejects its call as well. Without a listener ioredis would print it.
    client.on('error', () => undefined);
    const store = new RedisSessionStore(client, { names, defaultTtl, sealed: seal.isOn });
    shared = { manager: new RedisSessionManager(new SealedSessionStore(store, seal)), client };
  }
  return shared.manager;
}

/** Ends the connection that {@link getRedisSessionManager} opened, so that a script can end. */
export async function closeRedisSessionManager(): Promise<void> {
  const closing = shared?.client;
  shared = undefined;
  if (closing?.status === 'ready') await closing.quit();
  else closing?.disconnect();
}

function redisUrl(url: string): string {
  if (/^rediss?:\/\/[^,]+$/.test(url)) return url;
  throw new RangeError('CHANNEL_REDIS_URL must be one redis:// or rediss:// URL');
}

function namesIn(url: string, keyPrefix = ''): Names {
  try {
    return namesOf({ keyPrefix: keyPrefix.trim(), database: Number(new URL(url).pathname.slice(1)) });
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`REDIS_KEY_PREFIX: ${error.message}`);
    throw error;
  }
}

function wholeSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= TTL_MAX_SECONDS) return seconds;
  throw new RangeError(`REDIS_SESSION_TTL must be a whole number of seconds, 1 to ${TTL_MAX_SECONDS}, not "${text}"`);
}
