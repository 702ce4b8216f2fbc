import {
  connectFramed,
  eventually,
  IdleConnections,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinFramed, refusalOf, type WelcomedMember } from './support/gateway-process.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(stopAll);

function startSmallGateway(openFiles = 160): Promise<ServiceProcess> {
  return startProcess({
    service: 'gateway',
    env: { CHANNEL_REDIS_URL: redis.url, DRAIN_SECONDS: '0', REDIS_TIMEOUT_MS: '1000' },
    openFiles,
  });
}

/** Sends a message and waits until both have it. */
async function chat(content: string, from: WelcomedMember, to: WelcomedMember): Promise<void> {
  from.client.send({ type: 'send', id: content.replaceAll(' ', '-'), content });
  await Promise.all([from, to].map(({ client }) => client.frames.next({ type: 'message', content })));
}

describe('a gateway without free file descriptors', () => {
  it('B7: rests, says so once, serves its members, Redis and the admin port, and takes newcomers again', async () => {
    const gateway = await startSmallGateway();
    const [a, b] = [await joinFramed(gateway, 'calm'), await joinFramed(gateway, 'calm')];
    await chat('before', a, b);

    const idle = IdleConnections.hold(gateway.port, 300);
    await eventually('the gateway to be short of descriptors', () => gateway.log.matching('Short of').length > 0);
    expect(await gateway.cpuPerSecond()).toBeLessThan(0.5);
    await eventually('its port to be closed', async () => {
      const refused = await connectFramed(gateway.wsUrl).catch((error: Error) => error);
      return refused instanceof Error && refused.message.includes('ECONNREFUSED');
    });
    expect(await gateway.metric('holdfast_overload', { resource: 'descriptors' })).toBe(2);
    expect((await gateway.readiness()).body).toMatchObject({ connections: 2 });
    await chat('while it is full', a, b);
    await redis.cli('client', 'kill', 'type', 'pubsub');
    await redis.cli('client', 'kill', 'type', 'normal');
    await eventually('Redis to be back', async () => (await gateway.metric('holdfast_redis_up')) === 1);
    await chat('after Redis was gone', a, b);

    idle.release();
    const newcomer = await eventually('a newcomer to be taken', () => joinFramed(gateway, 'calm'));
    await chat('together', newcomer, a);
    expect(gateway.log.matching('Short of file descriptors')).toHaveLength(1);
    await gateway.stop();
  });

  it('B7, C4: refuses new members with the last ones, and takes those that come back as long as it can', async () => {
    const gateway = await startSmallGateway();
    const first = await joinFramed(gateway, 'many');
    const members: WelcomedMember[] = [];
    for (;;) {
      const member = await joinFramed(gateway, 'many').catch((error: Error) => error);
      if (member instanceof Error) break;
      members.push(member);
    }
    const refusal = await refusalOf(connectFramed(gateway.wsUrl));
    expect([refusal.status, refusal.json['code'], refusal.headers['retry-after']]).toEqual([503, 'overloaded', '5']);
    const { epoch } = first.welcome;
    const returning = await joinFramed(gateway, 'many', { last_seq: 0, epoch: String(epoch) });
    await chat('hello', returning, first);
    expect((await gateway.readiness()).body).toMatchObject({ ready: true });
    for (const { client } of members) client.terminate();
    await eventually('a newcomer to be taken', () => joinFramed(gateway, 'many'));
    await gateway.stop();
  });
});
