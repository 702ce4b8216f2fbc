import {
  connectFramed,
  connectPlain,
  eventually,
  type Frame,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
  type WsClient,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let redis: RedisServer;
let gateways: [ServiceProcess, ServiceProcess];
let api: ServiceProcess;
let sweeper: ServiceProcess;

beforeAll(async () => {
  // Redis writes to disk, so that the counts are there after every kill.
  redis = await startRedis({ appendOnly: true });
  const env = { CHANNEL_REDIS_URL: redis.url, MAX_MESSAGES_PER_SECOND: '0', AUDIT_INTERVAL_SECONDS: '1' };
  const gateway = (name: string) => startProcess({ service: 'gateway', name, env });
  const [one, two, three, four] = await Promise.all([
    gateway('gateway 1'),
    gateway('gateway 2'),
    startProcess({ service: 'session-api', env }),
    startProcess({ service: 'sweeper', env }),
  ]);
  gateways = [one, two];
  api = three;
  sweeper = four;
});

afterAll(stopAll);

/** Joins a member of each protocol on each gateway. The plain members have sent a hello. */
async function members(session: string): Promise<WsClient[]> {
  const query = { session, redis_persistence: true };
  const framed = await Promise.all(gateways.map((gateway) => connectFramed(gateway.wsUrl, { query })));
  await Promise.all(framed.map((member) => member.frames.next({ type: 'welcome' })));
  const plain = await Promise.all(gateways.map((gateway) => connectPlain(gateway.wsUrl, { query })));
  // P2: a plain member is told nothing before it sends. The reply tells that it has joined.
  for (const [index, member] of plain.entries()) {
    member.sendRaw(`hello ${index}`);
    await member.frames.next({ echo: `hello ${index}` });
  }
  return [...framed, ...plain];
}

/** The messages that {@link members} has sent. */
const HELLOS = 2;

const isMessage = (frame: Frame): boolean => frame['type'] === 'message';
const contentOf = (frame: Frame): unknown => frame['echo'] ?? frame['content'];
const numberOf = (frame: Frame): unknown => frame['seq'] ?? frame['count'];

async function history(session: string): Promise<{ seq: number; content: string }[]> {
  const answer = await fetch(`${api.url}/api/sessions/${session}/messages/?view=log&limit=10000`);
  const { messages } = (await answer.json()) as { messages: { seq: number; content: string }[] };
  return messages;
}

describe('one session on two gateways', () => {
  it('gives every member every message, in the order of the history', async () => {
    const session = 'ordered';
    const everybody = await members(session);
    const perSender = 100;
    everybody.forEach((member, sender) => {
      for (let i = 0; i < perSender; i++) {
        const content = `${sender}-${i}`;
        if (member.protocol === '') member.sendRaw(content);
        else member.send({ type: 'send', id: content, content });
      }
    });
    const total = everybody.length * perSender;
    const whole = await eventually('the history', async () => {
      const messages = await history(session);
      return messages.length === total + HELLOS && messages;
    });
    // V2, P2: numbers without a gap, from the first message on.
    expect(whole.map((message) => message.seq)).toEqual(whole.map((_, index) => index + 1));
    const stored = whole.slice(HELLOS);
    const expected = stored.map(({ seq, content }) => [seq, content]);
    const isLater = (frame: Frame): boolean => isMessage(frame) && Number(numberOf(frame)) > HELLOS;
    for (const member of everybody) {
      const frames = await member.frames.take(total, isLater);
      expect(frames.map((frame) => [numberOf(frame), contentOf(frame)])).toEqual(expected);
      expect(member.frames.matching(isLater)).toHaveLength(total);
    }
    // A2: the messages of one sender keep their order.
    everybody.forEach((_, sender) => {
      const own = stored.map((message) => message.content).filter((content) => content.startsWith(`${sender}-`));
      expect(own).toEqual(Array.from({ length: perSender }, (_unused, index) => `${sender}-${index}`));
    });
    await Promise.all(everybody.map((member) => member.close()));
  });

  it('goes on counting after both gateways were killed and started again', async () => {
    const session = 'survivor';
    const before = await members(session);
    before[0]?.send({ type: 'send', id: 'a', content: 'before' });
    await Promise.all(before.map((member) => member.frames.next((frame) => contentOf(frame) === 'before')));
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    expect((await Promise.all(before.map((member) => member.closed))).map((closed) => closed.code)).toEqual([
      1006, 1006, 1006, 1006,
    ]);
    await Promise.all(gateways.map((gateway) => gateway.start()));

    const member = await connectFramed(gateways[1].wsUrl, { query: { session, redis_persistence: true } });
    expect(await member.frames.next()).toMatchObject({ type: 'welcome', seq: 3, firstSeq: 1 });
    member.send({ type: 'send', id: 'b', content: 'after' });
    expect(await member.frames.next(isMessage)).toMatchObject({ seq: 4, content: 'after' });
    const plain = await connectPlain(gateways[0].wsUrl, { query: { session, redis_persistence: true } });
    plain.sendRaw('later');
    expect(await plain.frames.next()).toMatchObject({ count: 5, content: 'Message #5: later' });
    expect((await history(session)).map((message) => message.content)).toEqual([
      'hello 0',
      'hello 1',
      'before',
      'after',
      'later',
    ]);
    await Promise.all([member.close(), plain.close()]);
  });

  it('shares messages of a session without persistence too, and stores nothing', async () => {
    const query = { session: 'passing' };
    const [one, two] = await Promise.all(gateways.map((gateway) => connectFramed(gateway.wsUrl, { query })));
    if (!one || !two) throw new Error('two gateways make two connections');
    await Promise.all(
      [one, two].map((member) => member.frames.next({ type: 'welcome', persistence: 'none', epoch: null })),
    );
    one.send({ type: 'send', id: 'x', content: 'hello' });
    for (const member of [one, two]) {
      const frame = await member.frames.next(isMessage);
      expect(frame).toMatchObject({ id: 'x', content: 'hello' });
      expect(frame).not.toHaveProperty('seq');
    }
    expect(await redis.cli('keys', '*passing*')).toBe('');
    await Promise.all([one.close(), two.close()]);
  });

  it('V9, P5: gives an operator broadcast to members of every gateway', async () => {
    const everybody = await members('announced');
    const answer = await fetch(`${api.url}/api/broadcast/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ message: 'Maintenance at noon', level: 'warning' }),
    });
    expect(answer.status).toBe(200);
    for (const member of everybody) {
      const frame = await member.frames.next({ type: 'broadcast' });
      expect(frame).toMatchObject({ message: 'Maintenance at noon', level: 'warning' });
      expect('id' in frame).toBe(member.protocol !== '');
    }
    await Promise.all(everybody.map((member) => member.close()));
  });

  it('V7: tells members of both gateways of an extension and of the deletion, and closes them with 4404', async () => {
    const everybody = await members('watched');
    const framed = everybody.filter((member) => member.protocol !== '');
    await fetch(`${api.url}/api/sessions/watched/extend/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"ttl":7200}',
    });
    for (const member of framed) await member.frames.next({ type: 'session', event: 'extended', ttl: 7200 });
    await fetch(`${api.url}/api/sessions/watched/`, { method: 'DELETE' });
    for (const member of framed) await member.frames.next({ type: 'session', event: 'deleted' });
    for (const member of everybody) expect((await member.closed).code).toBe(4404);
  });
});

describe('what is left in Redis', () => {
  it('K1: a session takes at most 500 bytes, whatever its id and however long it chats', async () => {
    const session = 'x'.repeat(128);
    const member = await connectFramed(gateways[0].wsUrl, { query: { session, redis_persistence: true } });
    for (let i = 0; i < 50; i++)
      member.send({ type: 'send', id: `m${i}`, content: 'x'.repeat(1_000), ...(i % 2 && { retry: true }) });
    await member.frames.take(50, isMessage);
    await member.close();
    const text = await eventually('disconnected_at', async () => {
      const stored = await redis.cli('get', `session:${session}`);
      return stored.includes('disconnected_at') && stored;
    });
    expect(JSON.parse(text)).toMatchObject({ data: { count: 50, disconnected_at: expect.any(Number) }, ttl: 3600 });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(500);
  });

  it("K4: keys 'session:*' lists sessions only", async () => {
    const keys = (await redis.cli('keys', 'session:*')).split('\n');
    expect(keys.length).toBeGreaterThan(1);
    for (const key of keys)
      expect(JSON.parse(await redis.cli('get', key))).toMatchObject({ data: { count: expect.any(Number) } });
  });

  it("K5: every key has an expiry, BullMQ's own aside", async () => {
    // Waits until the sweeper has run, so that its keys are there.
    await sweeper.log.waitFor(/audit/i);
    const keys = (await redis.cli('keys', '*')).split('\n');
    expect(keys.some((key) => key.startsWith('{bull}'))).toBe(true);
    const forever: string[] = [];
    for (const key of keys) {
      if (!key.startsWith('{bull}') && (await redis.cli('pttl', key)) === '-1') forever.push(key);
    }
    expect(forever).toEqual([]);
  });

  it('K5: session and log expire together', async () => {
    const keys = (await redis.cli('keys', 'session:*')).split('\n');
    for (const key of keys) {
      const [session, log] = await Promise.all([
        redis.cli('pexpiretime', key),
        redis.cli('pexpiretime', `{${key}}:log`),
      ]);
      if (log !== '-2') expect([key, log]).toEqual([key, session]);
    }
  });
});
