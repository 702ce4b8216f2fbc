import { describe, expect, it } from 'vitest';
import { testApp } from '../../test/app-fixture.js';
import type { RedisStatus } from '../app-context.js';

async function statusAnswer(status: RedisStatus) {
  const t = await testApp({ status: async () => status });
  const answer = await t.call('GET', '/api/redis/status/');
  await t.app.close();
  return answer;
}

describe('GET redis/status/', () => {
  it('answers the object of the original guides, and more', async () => {
    const answer = await statusAnswer({
      connected: true,
      url: 'redis://localhost:6379/0',
      mode: 'standalone',
      latencyMs: 0.4,
      memory: { used: 10, peak: 20, max: 0 },
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      success: true,
      redis_connected: true,
      redis_url: 'redis://localhost:6379/0',
      default_ttl: 3600,
      mode: 'standalone',
      latency_ms: 0.4,
      used_memory_bytes: 10,
      used_memory_peak_bytes: 20,
      max_memory_bytes: 0,
    });
  });

  it('D4: Redis away is 503 with success false and redis_connected false', async () => {
    const answer = await statusAnswer({ connected: false, url: 'redis://:***@cache:6379/0', mode: 'sentinel' });
    expect(answer.statusCode).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.json()).toEqual({
      success: false,
      error: 'Redis does not answer now',
      code: 'storage_unavailable',
      redis_connected: false,
      redis_url: 'redis://:***@cache:6379/0',
      default_ttl: 3600,
      mode: 'sentinel',
    });
  });

  it('the embedded store is no Redis, and not away', async () => {
    const answer = await statusAnswer({ connected: false, url: 'memory:', mode: 'memory' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ success: true, redis_connected: false, mode: 'memory' });
  });
});
