import {
  connectFramed,
  eventually,
  freePort,
  REPOSITORY,
  type RedisServer,
  type ServiceProcess,
  startChild,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMessage, joinFramed, joinPlain, refusalOf, startGatewayProcess } from './support/gateway-process.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(stopAll);

const DRAIN_SECONDS = 3;

/** Moves a member as V8 asks its client to: waits for its moment, resumes on another gateway, then leaves this one. */
async function move(from: Awaited<ReturnType<typeof joinFramed>>, to: ServiceProcess, session: string) {
  const told = await from.client.frames.next({ type: 'drain' });
  await new Promise((resolve) => setTimeout(resolve, Number(told['reconnectInMs'])));
  const last = from.client.frames.matching(isMessage).at(-1);
  const position = {
    last_seq: Number(last?.['seq']),
    last_id: String(last?.['id']),
    epoch: String(from.welcome['epoch']),
  };
  const moved = await joinFramed(to, session, position);
  await from.client.close();
  return { told, moved };
}

// Each test starts gateways of its own and mostly waits for them: they wait together.
describe.concurrent('a graceful stop', () => {
  it('B3, V8, P4, C4: members are sent away one by one, nobody new is let in, nothing is lost, and it exits 0', async () => {
    const [leaving, staying] = await Promise.all([
      startGatewayProcess(redis.url, { DRAIN_SECONDS: String(DRAIN_SECONDS) }, 'leaving gateway'),
      startGatewayProcess(redis.url, {}, 'staying gateway'),
    ]);
    const framed = await Promise.all(Array.from({ length: 8 }, () => joinFramed(leaving, 'moved')));
    const plain = await Promise.all([joinPlain(leaving, 'moved'), joinPlain(leaving, 'moved')]);
    const speaker = await joinFramed(staying, 'moved');
    for (const [n, member] of plain.entries()) {
      member.sendRaw(`m${n}`);
      await member.frames.next({ echo: `m${n}` });
    }
    await Promise.all(framed.map(({ client }) => client.frames.next({ seq: 2 })));

    leaving.child.signal('SIGTERM');
    const moving = framed.map((member) => move(member, staying, 'moved'));
    await eventually('/readyz to fail', async () => (await leaving.readiness()).status === 503);
    expect((await leaving.readiness()).body).toMatchObject({ ready: false, draining: true });
    const refusal = await refusalOf(connectFramed(leaving.wsUrl));
    expect([refusal.status, refusal.json['code']]).toEqual([503, 'draining']);
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    for (let n = 0; n < 20; n++) speaker.client.send({ type: 'send', id: `s${n}`, content: 'x' });

    const byes = await Promise.all(plain.map((member) => member.frames.next({ bye: true })));
    for (const bye of byes) expect(bye).toEqual({ bye: true, total: expect.any(Number), message: expect.any(String) });
    // How many of the twenty messages had come by then is chance.
    for (const bye of byes) {
      expect(bye['total']).toBeGreaterThanOrEqual(2);
      expect(bye['total']).toBeLessThanOrEqual(22);
    }
    for (const member of plain) expect((await member.closed).code).toBe(1001);
    const moves = await Promise.all(moving);
    const delays = moves.map(({ told }) => Number(told['reconnectInMs']));
    for (const { told } of moves) expect(told['deadlineMs']).toBe(DRAIN_SECONDS * 1000);
    expect(Math.max(...delays)).toBeLessThan(DRAIN_SECONDS * 800);
    expect(new Set(delays).size).toBeGreaterThan(4);

    expect(await leaving.child.exited).toEqual({ code: 0, signal: null });
    for (const [index, { moved }] of moves.entries()) {
      expect(moved.welcome['recovered']).toBe(true);
      const both = [framed[index]?.client, moved.client].filter((each) => each !== undefined);
      await Promise.any(both.map((each) => each.frames.find({ id: 's19' })));
      const heard = both.flatMap((each) => each.frames.matching(isMessage));
      const seqs = [...new Set(heard.map(({ seq }) => seq))];
      expect(seqs).toEqual(Array.from({ length: 22 }, (_, n) => n + 1).slice(22 - seqs.length));
      expect(seqs.at(-1)).toBe(22);
    }
  });

  it('B3: a member that stays is closed 1012 at the deadline; POST /drain begins a drain as well', async () => {
    const gateway = await startGatewayProcess(redis.url, { DRAIN_SECONDS: '1' });
    const { client } = await joinFramed(gateway, 'stays');
    client.send({ type: 'send', id: 'm1', content: 'x' });
    const answer = await fetch(`${gateway.adminUrl}/drain`, { method: 'POST' });
    expect(answer.status).toBe(202);
    expect(await client.frames.next({ type: 'drain' })).toMatchObject({ deadlineMs: 1_000 });
    expect(await client.closed).toEqual({ code: 1012, reason: 'restart' });
    expect((await gateway.child.exited).code).toBe(0);
    const session = JSON.parse(await redis.cli('get', 'session:stays')) as { data: Record<string, unknown> };
    expect(session.data).toMatchObject({ count: 1, disconnected_at: expect.any(Number) });
  });

  it('B3: a second SIGTERM closes the members that are left at once', async () => {
    const gateway = await startGatewayProcess(redis.url, { DRAIN_SECONDS: '60' });
    const [framed, plain] = [await joinFramed(gateway, 'hurried'), await joinPlain(gateway, 'hurried')];
    gateway.child.signal('SIGTERM');
    await framed.client.frames.next({ type: 'drain' });
    gateway.child.signal('SIGTERM');
    expect((await framed.client.closed).code).toBe(1012);
    expect((await plain.closed).code).toBe(1001);
    expect((await gateway.child.exited).code).toBe(0);
  });

  it('B3: without members it ends at once, also when Redis is away', async () => {
    const gone = await startRedis();
    const gateway = await startGatewayProcess(gone.url, { DRAIN_SECONDS: '60' });
    await gone.kill();
    const startedMs = performance.now();
    gateway.child.signal('SIGTERM');
    expect((await gateway.child.exited).code).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(30_000);
  });

  it('K1, C5: sessions outlive every gateway: the count goes on after all were killed and started again', async () => {
    const gateways = await Promise.all([startGatewayProcess(redis.url), startGatewayProcess(redis.url)]);
    const [one, two] = gateways;
    const member = await joinFramed(one, 'killed');
    for (let n = 1; n <= 5; n++) member.client.send({ type: 'send', id: `m${n}`, content: 'x' });
    await member.client.frames.next({ seq: 5 });
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    expect((await member.client.closed).code).toBe(1006);
    await two.start();
    const position = { last_seq: 3, last_id: 'm3', epoch: String(member.welcome['epoch']) };
    const { client, welcome } = await joinFramed(two, 'killed', position);
    expect(welcome).toMatchObject({ recovered: true, seq: 5 });
    client.send({ type: 'send', id: 'm6', content: 'x' });
    expect((await client.frames.take(3, isMessage)).map(({ seq }) => seq)).toEqual([4, 5, 6]);
  });
});

describe.concurrent('a gateway that must not start', () => {
  async function startBadly(env: Record<string, string>): Promise<{ code: number | null; text: string }> {
    const child = await startChild({
      name: 'refusing gateway',
      command: process.execPath,
      args: [`${REPOSITORY}services/gateway/dist/main.js`],
      env: { PATH: process.env['PATH'] ?? '', CHANNEL_REDIS_URL: redis.url, PORT: '0', ADMIN_PORT: '0', ...env },
    });
    const { code } = await child.exited;
    return { code, text: child.log.lines.join('\n') };
  }

  it('does not listen on a public address while clients need no token', async () => {
    const refusals = await Promise.all(['0.0.0.0', '::', '192.0.2.1'].map((host) => startBadly({ HOST: host })));
    for (const { code, text } of refusals) {
      expect(code).toBe(1);
      expect(text).toContain('AUTH_JWT_SECRET');
      expect(text).toContain('AUTH_DISABLED');
    }
  });

  it('names all mistakes in its settings at once, and no secret', async () => {
    const { code, text } = await startBadly({
      MESSAGE_MAX_BYTES: 'big',
      HEARTBEAT_INTERVAL: '-1',
      INSTANCE_COLOR: 'red',
      CHANNEL_REDIS_URL: 'http://user:hunter2@localhost',
    });
    expect(code).toBe(1);
    for (const name of ['MESSAGE_MAX_BYTES', 'HEARTBEAT_INTERVAL', 'INSTANCE_COLOR', 'CHANNEL_REDIS_URL']) {
      expect(text).toContain(name);
    }
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('at ');
  });

  it.each(['PORT', 'ADMIN_PORT'])('says so when its %s is taken', async (name) => {
    const gateway = await startGatewayProcess(redis.url);
    const taken = name === 'PORT' ? gateway.port : gateway.adminPort;
    const { code, text } = await startBadly({ [name]: String(taken) });
    expect(code).toBe(1);
    expect(text).toContain(String(taken));
    await gateway.kill();
  });
});

describe('a gateway without Redis', () => {
  it('D1: starts, is ready, tells that it works in memory, and uses Redis as soon as there is one', async () => {
    const port = await freePort();
    const gateway = await startGatewayProcess(`redis://127.0.0.1:${port}/0`);
    expect(await gateway.readiness()).toMatchObject({ status: 200, body: { ready: true, storage: 'memory' } });
    const late = await startRedis({ port });
    await eventually('the gateway to find Redis', async () => (await gateway.readiness()).body['storage'] === 'redis');
    const { client } = await joinFramed(gateway, 'late');
    client.send({ type: 'send', id: 'm1', content: 'x' });
    expect(await client.frames.next({ id: 'm1' })).toMatchObject({ seq: 1 });
    await client.close();
    await gateway.stop();
    await late.stop();
  });
});
