import {
  connectFramed,
  eventually,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  stopAll,
  type WsClient,
} from '@holdfast/testkit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { clusterEnv, sentinelEnv, startOnCluster, startOnSentinels } from './chaos/redis-modes.js';
import { PATIENCE_MS, storedIn } from './chaos/storage.js';
import type { Services } from './chaos/system.js';

// A case takes seconds. It is given up after minutes, because the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

afterEach(stopAll);

async function join(gateway: ServiceProcess, session: string): Promise<WsClient> {
  const member = await connectFramed(gateway.wsUrl, { query: { session, redis_persistence: true } });
  expect(await member.frames.next({ type: 'welcome' }, PATIENCE_MS)).toMatchObject({ storage: 'redis' });
  return member;
}

async function call(api: ServiceProcess, method: string, path: string, body?: object) {
  const json = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(`${api.url}/api/${path}`, { method, ...json });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}

/** Two members of each session, one at each gateway, speak in turn and hear each other. */
async function chat({ gateways: [one, two] }: Services, sessions: readonly string[]): Promise<void> {
  await Promise.all(
    sessions.map(async (session) => {
      const [ann, bob] = await Promise.all([join(one, session), join(two, session)]);
      for (const [seq, member] of [ann, bob].entries()) {
        member.send({ type: 'send', id: `m${seq}`, content: 'hello' });
        for (const hearer of [ann, bob])
          await hearer.frames.next({ type: 'message', id: `m${seq}`, seq: seq + 1 }, PATIENCE_MS);
      }
      await Promise.all([ann.close(), bob.close()]);
    }),
  );
}

async function expectManaged({ api }: Services, sessions: readonly string[], mode: string): Promise<void> {
  expect((await call(api, 'GET', 'redis/status/')).body).toMatchObject({ redis_connected: true, mode });
  const listed = (await call(api, 'GET', 'sessions/?limit=1000')).body['sessions'] as { session_id: string }[];
  expect(listed.map(({ session_id }) => session_id).toSorted()).toEqual(sessions.toSorted());
  for (const session of sessions.slice(0, 6)) {
    const sent = await call(api, 'POST', `sessions/${session}/messages/`, { content: 'by HTTP', id: 'http' });
    expect(sent.body).toMatchObject({ success: true, seq: 3 });
    const { body } = await call(api, 'GET', `sessions/${session}/messages/?view=log`);
    expect((body['messages'] as { id: string }[]).map(({ id }) => id)).toEqual(['m0', 'm1', 'http']);
    expect((await call(api, 'DELETE', `sessions/${session}/delete/`)).status).toBe(200);
    expect((await call(api, 'GET', `sessions/${session}/`)).status).toBe(404);
  }
  expect((await call(api, 'POST', 'broadcast/', { message: 'hello' })).status).toBe(200);
}

/** The HTTP status with which the API answers for each session. */
async function statuses(api: ServiceProcess, sessions: readonly string[]): Promise<number[]> {
  return Promise.all(sessions.map(async (session) => (await call(api, 'GET', `sessions/${session}/`)).status));
}

describe('a Redis Cluster', () => {
  const sessions = Array.from({ length: 30 }, (_, n) => `session-${n}`);

  it('K3, K4, F1: carries a burst of chats right after the start, the API and the audits, over all of its masters', async () => {
    const system = await startOnCluster();
    await chat(system, sessions);
    await expectManaged(system, sessions, 'cluster');
    const sweeper = await startProcess({ service: 'sweeper', env: clusterEnv(system.cluster) });
    await sweeper.log.waitFor('Audit expiry finished', { timeoutMs: PATIENCE_MS });
    expect(await sweeper.stop()).toEqual({ code: 0, signal: null });
    for (const service of [...system.gateways, system.api]) expect((await service.stop()).code).toBe(0);
  });

  it('D4, D6: while one of its masters is silent its sessions alone are unavailable, and nothing needs a restart', async () => {
    const system = await startOnCluster();
    const { cluster, gateways, api } = system;
    await chat(system, sessions);
    const owners = await Promise.all(sessions.map((session) => cluster.ownerOf(`session:${session}`)));
    const [victim] = owners as [RedisServer];
    const expected = owners.map((owner) => (owner === victim ? 503 : 200));
    const another = owners.findIndex((owner) => owner !== victim);
    const [member, elsewhere] = await Promise.all(
      [0, another].map((index) => join(gateways[0], sessions[index] ?? '')),
    );
    victim.pause();
    expect(await member?.frames.next({ type: 'status' }, PATIENCE_MS)).toMatchObject({ storage: 'memory' });
    await storedIn('memory', gateways);
    expect(await statuses(api, sessions)).toEqual(expected);
    const refused = await call(api, 'GET', `sessions/${sessions[0]}/`);
    expect(refused.body).toMatchObject({ success: false, code: 'storage_unavailable' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    elsewhere?.send({ type: 'send', id: 'meanwhile', content: 'meanwhile' });
    await elsewhere?.frames.next({ type: 'message', id: 'meanwhile', seq: 3 }, PATIENCE_MS);
    expect(elsewhere?.frames.matching({ type: 'status' })).toEqual([]);
    await eventually('the API to say so', async () => (await api.metric('holdfast_redis_up')) === 0, {
      timeoutMs: PATIENCE_MS,
    });
    victim.resume();
    expect(await member?.frames.next({ type: 'status' }, PATIENCE_MS)).toMatchObject({ storage: 'redis' });
    await storedIn('redis', gateways);
    await eventually(
      'the API to recover',
      async () => (await statuses(api, sessions)).every((status) => status === 200),
      {
        timeoutMs: PATIENCE_MS,
      },
    );
    await eventually('the API to say so', async () => (await api.metric('holdfast_redis_up')) === 1, {
      timeoutMs: PATIENCE_MS,
    });
  });
});

describe('Redis behind Sentinels', () => {
  const sessions = Array.from({ length: 8 }, (_, n) => `session-${n}`);

  it('D1, D4: carries chats, the API and the audits, and all of them find the new master by themselves', async () => {
    const system = await startOnSentinels();
    const { set, gateways, api } = system;
    await chat(system, sessions);
    await expectManaged(system, sessions, 'sentinel');
    const sweeper = await startProcess({ service: 'sweeper', env: sentinelEnv(set) });
    await sweeper.log.waitFor('Audit expiry finished', { timeoutMs: PATIENCE_MS });
    const master = await set.master();
    const member = await join(gateways[0], 'over-the-failover');
    await master.kill();
    await storedIn('memory', gateways);
    const refused = await call(api, 'GET', 'sessions/session-7/');
    expect([refused.status, refused.body['code']]).toEqual([503, 'storage_unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    member.send({ type: 'send', id: 'm0', content: 'hello' });
    await member.frames.next({ type: 'message', id: 'm0', pending: true }, PATIENCE_MS);
    await set.failedOverFrom(master);
    await member.frames.next({ type: 'message', id: 'm0', seq: 1 }, PATIENCE_MS);
    await storedIn('redis', gateways);
    await eventually('the API to recover', async () => (await statuses(api, ['session-7']))[0] === 200, {
      timeoutMs: PATIENCE_MS,
    });
    await eventually('the sweeper to recover', async () => (await sweeper.readiness()).status === 200, {
      timeoutMs: PATIENCE_MS,
    });
    await chat(system, ['afterwards']);
  });
});
