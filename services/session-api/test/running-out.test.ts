import { Agent, request } from 'node:http';
import { eventually, IdleConnections, type RedisServer, startProcess, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(stopAll);

/** The status of an answer on a connection that is kept. */
function getOn(agent: Agent, url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    sent.on('error', reject).end();
  });
}

describe('a session-api without free file descriptors', () => {
  it('B7: rests, says so once, serves whom it has and the admin port, and takes newcomers again', async () => {
    const env = { CHANNEL_REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '1000' };
    const api = await startProcess({ service: 'session-api', env, openFiles: 160 });
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    const path = `${api.url}/api/redis/status/`;
    expect(await getOn(kept, path)).toBe(200);

    const idle = IdleConnections.hold(api.port, 300);
    await eventually('it to drop connections', async () =>
      fetch(path).then(
        () => false,
        () => true,
      ),
    );
    expect(await api.cpuPerSecond()).toBeLessThan(0.6);
    expect(await getOn(kept, path)).toBe(200);
    expect(await api.metric('holdfast_overload', { resource: 'descriptors' })).toBe(2);
    expect((await api.readiness()).body).toMatchObject({ listening: true });

    idle.release();
    await eventually('a newcomer to be taken', async () => (await fetch(path)).status === 200);
    expect(api.log.matching('Short of file descriptors')).toHaveLength(1);
    kept.destroy();
    await api.stop();
  });
});
