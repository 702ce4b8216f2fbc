import { eventually, freePort, startRedis, stopAll } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { closeRedisSessionManager, getRedisSessionManager, StorageUnavailableError } from '../src/index.js';

afterEach(async () => {
  await closeRedisSessionManager();
  vi.unstubAllEnvs();
});
afterAll(stopAll);

describe('getRedisSessionManager', () => {
  it('is one manager for the process, on the Redis and with the ttl that the environment names', async () => {
    const server = await startRedis();
    vi.stubEnv('CHANNEL_REDIS_URL', server.url);
    vi.stubEnv('REDIS_SESSION_TTL', '300');
    const manager = getRedisSessionManager();
    expect(getRedisSessionManager()).toBe(manager);
    await manager.storeSession({ sessionId: 'my-session', data: { count: 5 } });
    expect(await manager.getSession('my-session')).toMatchObject({ data: { count: 5 }, ttl: 300 });
    expect(await server.cli('get', 'session:my-session')).toContain('"count":5');
    await closeRedisSessionManager();
    expect(getRedisSessionManager()).not.toBe(manager);
    expect(await getRedisSessionManager().getSession('my-session')).toMatchObject({ ttl: 300 });
  });

  it('K7: uses the names of the deployment that the environment names', async () => {
    const server = await startRedis();
    vi.stubEnv('CHANNEL_REDIS_URL', `redis://127.0.0.1:${server.port}/3`);
    vi.stubEnv('REDIS_KEY_PREFIX', 'team:');
    await getRedisSessionManager().storeSession({ sessionId: 's', data: { count: 5 } });
    expect(await server.cli('-n', '3', 'get', 'team:session:s')).toContain('"count":5');
    const subscriber = new Redis(server.port);
    const heard: string[] = [];
    subscriber.on('message', (_channel, payload: string) => heard.push(payload));
    await subscriber.subscribe('team:{team:session:s}:live@3');
    expect(await getRedisSessionManager().deleteSession('s')).toBe(true);
    await eventually('the event', () => heard.length === 1);
    subscriber.disconnect();
  });

  it('E1: encrypts custom data with the keys that the environment names', async () => {
    const server = await startRedis();
    vi.stubEnv('CHANNEL_REDIS_URL', server.url);
    vi.stubEnv('SESSION_ENCRYPTION_KEYS', `k1:${Buffer.alloc(32, 'a').toString('base64')}`);
    await getRedisSessionManager().storeSession({ sessionId: 's', data: { count: 5, secret: 'planted' } });
    expect(await getRedisSessionManager().getSession('s')).toMatchObject({ data: { count: 5, secret: 'planted' } });
    expect(await server.cli('get', 'session:s')).not.toContain('planted');
    await closeRedisSessionManager();
    vi.stubEnv('SESSION_ENCRYPTION_KEYS', '');
    const { data, data_error: error } = (await getRedisSessionManager().getSession('s')) ?? {};
    expect([Object.keys(data ?? {}), error]).toEqual([['count', 'last_activity'], 'unreadable']);
  });

  it('says so when Redis is away, and can be closed all the same', async () => {
    vi.stubEnv('CHANNEL_REDIS_URL', `redis://127.0.0.1:${await freePort()}/0`);
    await expect(getRedisSessionManager().getSession('x')).rejects.toThrow(StorageUnavailableError);
    await closeRedisSessionManager();
    await closeRedisSessionManager();
  });

  it.each([
    ['CHANNEL_REDIS_URL', 'localhost:6379'],
    ['CHANNEL_REDIS_URL', 'redis://a:1,redis://b:2'],
    ['CHANNEL_REDIS_URL', ''],
    ['REDIS_SESSION_TTL', 'an hour'],
    ['REDIS_SESSION_TTL', '0'],
    ['REDIS_SESSION_TTL', ''],
    ['REDIS_SESSION_TTL', '1e3'],
    ['SESSION_ENCRYPTION_KEYS', 'k1:short'],
    ['SESSION_ENCRYPTION_KEYS', 'clear'],
    ['REDIS_KEY_PREFIX', '{team}'],
    ['REDIS_KEY_PREFIX', 'team*'],
  ])('refuses %s=%j by name', (name, value) => {
    vi.stubEnv(name, value);
    expect(() => getRedisSessionManager()).toThrow(name);
  });

  it('never repeats a URL, which may hold a password', () => {
    vi.stubEnv('CHANNEL_REDIS_URL', 'http://user:secret@host');
    expect(() => getRedisSessionManager()).toThrow(/^(?!.*secret)/);
  });
});
