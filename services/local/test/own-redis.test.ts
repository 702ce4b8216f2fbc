import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, redisCli } from '@holdfast/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { answersPing, findRedisServer, ownRedis } from '../src/own-redis.js';
import { ServiceLog } from '../src/service-log.js';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-own-redis-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Starts 'redis-server' without the test kit. */
describe('ownRedis', () => {
  it('keeps its data over a stop, evicts nothing, and listens on this machine only', async () => {
    const program = findRedisServer(process.env['PATH'] ?? '');
    if (program === undefined) throw new Error('there is no redis-server in PATH');
    const port = await freePort();
    for (const count of ['1', '2']) {
      const log = new ServiceLog(join(dir, 'redis.log'), () => undefined);
      const redis = ownRedis({ program, port, dir: join(dir, 'data'), env: {}, log, say: () => undefined });
      expect(await redis.start(60_000)).toBe(true);
      expect(await redisCli(port, 'incr', 'starts')).toBe(count);
      expect(await redisCli(port, 'config', 'get', 'maxmemory-policy')).toContain('noeviction');
      expect(await redisCli(port, 'config', 'get', 'bind')).toContain('127.0.0.1');
      await redis.stop(5_000);
      expect(await answersPing('127.0.0.1', port)).toBe(false);
      log.close();
    }
  });

  it('is not found where there is none', () => {
    expect(findRedisServer('/nowhere:/tmp')).toBeUndefined();
    expect(findRedisServer('')).toBeUndefined();
  });
});
