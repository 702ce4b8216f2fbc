import type { RedisSessionStore } from '@holdfast/session-store';
import {
  connectFramed,
  eventually,
  type RedisServer,
  type ServiceProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMessage, joinFramed, joinPlain, startGatewayProcess, storeOf } from './support/gateway-process.js';

let redis: RedisServer;
let store: RedisSessionStore;
let one: ServiceProcess;
let two: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  store = await storeOf(redis);
  [one, two] = await Promise.all([
    startGatewayProcess(redis.url, { REDIS_SESSION_TTL: '600' }, 'gateway 1'),
    startGatewayProcess(redis.url, { REDIS_SESSION_TTL: '600' }, 'gateway 2'),
  ]);
});
afterAll(stopAll);

interface Stored {
  data: { count: number; disconnected_at?: number };
  ttl: number;
  epoch: string;
}

const stored = async (session: string): Promise<Stored> => JSON.parse(await redis.cli('get', `session:${session}`));
const ttlOf = async (session: string): Promise<number> => Number(await redis.cli('ttl', `session:${session}`));

describe('a session', () => {
  it('V7: that is extended: the members of every gateway are told', async () => {
    const members = [await joinFramed(one, 'extended'), await joinFramed(two, 'extended')];
    await store.extend('extended', 1_234);
    for (const { client } of members) {
      expect(await client.frames.next()).toEqual({ type: 'session', event: 'extended', ttl: 1_234 });
    }
    expect(await ttlOf('extended')).toBeGreaterThan(1_200);
  });

  it('V7: that is deleted: members are told and closed 4404, and a connect begins a new epoch (C5)', async () => {
    const [framed, plain] = [await joinFramed(one, 'deleted'), await joinPlain(two, 'deleted')];
    plain.sendRaw('m1');
    const { id } = await framed.client.frames.next(isMessage);
    await store.remove('deleted');
    expect(await framed.client.frames.next()).toEqual({ type: 'session', event: 'deleted' });
    expect([(await framed.client.closed).code, (await plain.closed).code]).toEqual([4404, 4404]);
    const position = { last_seq: 1, last_id: String(id), epoch: String(framed.welcome['epoch']) };
    const resumed = await connectFramed(two.wsUrl, {
      query: { session: 'deleted', redis_persistence: true, ...position },
    });
    expect((await resumed.closed).code).toBe(4404);
    const { welcome } = await joinFramed(one, 'deleted');
    expect(welcome).toMatchObject({ seq: 0 });
    expect(welcome['epoch']).not.toBe(framed.welcome['epoch']);
  });

  it('V7, T2: that expires: members are told when it has, not before, and the next message begins an epoch at 1', async () => {
    const members = [await joinFramed(one, 'expiring'), await joinFramed(two, 'expiring')];
    members[0]?.client.send({ type: 'send', id: 'm1', content: 'x' });
    await members[1]?.client.frames.next({ seq: 1 });
    await store.extend('expiring', 2);
    const extendedMs = performance.now();
    for (const { client } of members) {
      await client.frames.next({ event: 'extended' });
      await client.frames.next({ event: 'expired' });
      expect(performance.now() - extendedMs).toBeGreaterThan(1_900);
    }
    expect(await redis.cli('exists', 'session:expiring')).toBe('0');
    members[1]?.client.send({ type: 'send', id: 'm2', content: 'y' });
    for (const { client } of members) expect(await client.frames.next(isMessage)).toMatchObject({ seq: 1, id: 'm2' });
  });

  it('T1: connecting, a message and leaving refresh the expiry; a ping does not', async () => {
    const fade = async (): Promise<void> => void (await redis.cli('expire', 'session:refreshed', 100));
    const { client } = await joinFramed(one, 'refreshed');
    await fade();
    client.send({ type: 'ping' });
    await client.frames.next({ type: 'pong' });
    expect(await ttlOf('refreshed')).toBeLessThanOrEqual(100);
    client.send({ type: 'send', id: 'm1', content: 'x' });
    await client.frames.next({ id: 'm1' });
    expect(await ttlOf('refreshed')).toBeGreaterThan(590);
    await fade();
    const other = await joinFramed(two, 'refreshed');
    expect(await ttlOf('refreshed')).toBeGreaterThan(590);
    await fade();
    await other.client.close();
    await eventually('the leave to be noted', async () => (await ttlOf('refreshed')) > 590);
  });

  it('K1: disconnected_at is noted after the last member anywhere has left, and removed on connecting', async () => {
    const [here, there] = [await joinFramed(one, 'left'), await joinFramed(two, 'left')];
    await here.client.close();
    there.client.send({ type: 'send', id: 'm1', content: 'x' });
    await there.client.frames.next({ id: 'm1' });
    expect((await stored('left')).data.disconnected_at).toBeUndefined();
    const leftMs = Date.now();
    there.client.terminate();
    const { data } = await eventually('disconnected_at to be noted', async () => {
      const session = await stored('left');
      return session.data.disconnected_at === undefined ? undefined : session;
    });
    expect(Math.abs(Number(data.disconnected_at) * 1000 - leftMs)).toBeLessThan(10_000);
    await joinPlain(two, 'left');
    await eventually('disconnected_at to be removed', async () => !(await stored('left')).data.disconnected_at);
  });

  it('C5: the count goes on when all members come back, on another gateway', async () => {
    const first = await joinFramed(one, 'returning');
    first.client.send({ type: 'send', id: 'm1', content: 'x' });
    await first.client.frames.next({ id: 'm1' });
    await first.client.close();
    const second = await joinPlain(two, 'returning');
    second.sendRaw('again');
    expect(await second.frames.next()).toMatchObject({ count: 2, content: 'Message #2: again' });
  });

  it('F1: a gateway is subscribed to the sessions of its members only', async () => {
    const subscribers = async (): Promise<string> => redis.cli('pubsub', 'numsub', '{session:lonely}:live');
    const members = [await joinFramed(one, 'lonely'), await joinFramed(one, 'lonely')];
    expect(await subscribers()).toMatch(/\n1$/);
    await joinFramed(two, 'lonely');
    expect(await subscribers()).toMatch(/\n2$/);
    for (const { client } of members) await client.close();
    await eventually('one gateway to unsubscribe', async () => (await subscribers()).endsWith('\n1'));
  });
});
