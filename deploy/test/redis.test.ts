import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connectFramed,
  connectPlain,
  eventually,
  freePort,
  redisCli,
  registerCleanup,
  startChild,
  startProcess,
  stopAll,
} from '@holdfast/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { DEPLOY } from './run.js';

afterEach(stopAll);

/** Starts a redis-server with the shipped configuration, without the settings for containers. @returns its port */
async function startShipped(...args: string[]): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-shipped-redis-'));
  registerCleanup('redis directory', () => rm(dir, { recursive: true, force: true }));
  const port = await freePort();
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...args];
  const server = await startChild({
    name: 'redis',
    command: 'redis-server',
    args: [`${DEPLOY}redis/redis.conf`, ...own],
  });
  const ended = server.exited.then(() => {
    throw new Error(`redis-server ended instead of starting:\n${server.log.tail()}`);
  });
  await Promise.race([server.log.waitFor('Ready to accept connections'), ended]);
  return port;
}

describe('redis.conf', () => {
  it('is accepted by a real server: nothing is evicted, every write goes to disk', async () => {
    const port = await startShipped();
    const setting = async (name: string) => (await redisCli(port, 'config', 'get', name)).split('\n')[1];
    expect(await setting('maxmemory-policy')).toBe('noeviction');
    expect(await setting('appendonly')).toBe('yes');
    expect(await setting('appendfsync')).toBe('everysec');
    expect(Number(await setting('maxmemory'))).toBeGreaterThan(0);
  });
});

describe('users.acl.example', () => {
  const operator = ['--user', 'operator', '--pass', 'change-me-operator', '--no-auth-warning'];

  it('lets every service do its work, and nothing that it does not need', async () => {
    const port = await startShipped('--aclfile', `${DEPLOY}redis/users.acl.example`);
    const url = (user: string, password: string) => `redis://${user}:${password}@127.0.0.1:${port}/0`;
    const gateway = await startProcess({
      service: 'gateway',
      env: { CHANNEL_REDIS_URL: url('gateway', 'change-me-gateway') },
    });
    const api = await startProcess({
      service: 'session-api',
      env: { CHANNEL_REDIS_URL: url('session_api', 'change-me-api') },
    });
    const sweeper = await startProcess({
      service: 'sweeper',
      env: { CHANNEL_REDIS_URL: url('sweeper', 'change-me-sweeper'), AUDIT_INTERVAL_SECONDS: '1' },
    });

    const query = { session: 'acl', redis_persistence: true };
    const framed = await connectFramed(gateway.wsUrl, { query });
    const plain = await connectPlain(gateway.wsUrl, { query });
    plain.sendRaw('hello');
    await framed.frames.find({ content: 'hello' });
    const call = async (method: string, path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' };
      const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
      return (await fetch(`${api.url}/api/${path}`, init)).status;
    };
    expect(await call('GET', 'redis/status/')).toBe(200);
    expect(await call('GET', 'sessions/')).toBe(200);
    expect(await call('GET', 'sessions/acl/messages/')).toBe(200);
    expect(await call('POST', 'sessions/acl/messages/', { content: 'from a back end' })).toBeLessThan(300);
    expect(await call('PATCH', 'sessions/acl/', { data: { topic: 'users' } })).toBe(200);
    expect(await call('POST', 'sessions/acl/extend/', { ttl: 60 })).toBe(200);
    expect(await call('POST', 'broadcast/', { message: 'to all' })).toBe(200);
    await framed.frames.find({ type: 'broadcast' });
    expect(await call('DELETE', 'sessions/acl/')).toBe(200);
    await sweeper.log.waitFor('Audit expiry finished');
    await eventually('a second audit', () => sweeper.log.matching('Audit expiry finished').length > 1);
    await Promise.all([gateway.stop(), api.stop(), sweeper.stop()]);

    expect(await redisCli(port, ...operator, 'acl', 'log')).toBe('');
  }, 60_000);

  it('refuses whoever has no name, and keeps services from each other', async () => {
    const port = await startShipped('--aclfile', `${DEPLOY}redis/users.acl.example`);
    await expect(redisCli(port, 'ping')).rejects.toThrow(/NOAUTH/);
    const gateway = ['--user', 'gateway', '--pass', 'change-me-gateway', '--no-auth-warning'];
    for (const command of [['flushall'], ['keys', '*'], ['config', 'get', '*'], ['get', '{bull}:audits:meta']]) {
      await expect(redisCli(port, ...gateway, ...command), command.join(' ')).rejects.toThrow(/NOPERM|no permissions/i);
    }
  });
});
