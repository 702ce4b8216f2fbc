import { type RedisServer, type ServiceProcess, startProcess, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

let redis: RedisServer;
let apis: ServiceProcess[];

beforeAll(async () => {
  redis = await startRedis();
  const env = { CHANNEL_REDIS_URL: redis.url, MAX_REQUESTS_PER_MINUTE: '6', REDIS_TIMEOUT_MS: '300' };
  apis = await Promise.all([
    startProcess({ service: 'session-api', env }),
    startProcess({ service: 'session-api', env }),
  ]);
});
afterAll(stopAll);

const ask = async (api: ServiceProcess | undefined) => (await fetch(`${api?.url}/api/sessions/`)).status;

it('M1, M5: processes count together; while Redis is away each goes on counting by itself, and answers', async () => {
  const together: number[] = [];
  for (let i = 0; i < 8; i++) together.push(await ask(apis[i % 2]));
  expect(together).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
  await redis.stop();
  for (const api of apis) {
    const alone: number[] = [];
    for (let i = 0; i < 8; i++) alone.push(await ask(api));
    expect(alone).toEqual([503, 503, 503, 503, 503, 503, 429, 429]);
  }
});
