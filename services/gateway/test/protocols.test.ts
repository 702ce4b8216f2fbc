import {
  connectFramed,
  connectPlain,
  type RedisServer,
  type ServiceProcess,
  startRedis,
  stopAll,
  type WsClient,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMessage, joinFramed, joinPlain, startGatewayProcess, storeOf } from './support/gateway-process.js';

const MAX_BYTES = 1_000;

let redis: RedisServer;
let gateway: ServiceProcess;
/** Another gateway, whose heartbeats come twice a second. */
let lively: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  [gateway, lively] = await Promise.all([
    startGatewayProcess(redis.url, { MESSAGE_MAX_BYTES: String(MAX_BYTES), MAX_MESSAGES_PER_SECOND: '20' }),
    startGatewayProcess(redis.url, { HEARTBEAT_INTERVAL: '0.5', INSTANCE_COLOR: 'green' }, 'lively gateway'),
  ]);
});
afterAll(stopAll);

describe('the plain protocol', () => {
  it('P1, P2: what is sent, text or binary, comes back as the reply, and to all members', async () => {
    const [one, two] = [await joinPlain(gateway, 'plain'), await joinPlain(lively, 'plain')];
    one.sendRaw('Hello, world!');
    const first = await one.frames.next();
    expect(first).toEqual({
      type: 'message',
      count: 1,
      echo: 'Hello, world!',
      content: 'Message #1: Hello, world!',
      timestamp: expect.any(Number),
      isSent: false,
      sessionId: 'plain',
    });
    const odd = '{"type":"send"}\n"\\ \u0000 \u2028 \ud83d\ude00 ü';
    two.sendRaw(Buffer.from(odd));
    const second = await one.frames.next();
    expect(second).toMatchObject({ count: 2, echo: odd, content: `Message #2: ${odd}` });
    expect(await two.frames.next({ count: 2 })).toEqual(second);
    one.sendRaw('third');
    expect(await two.frames.next({ count: 3 })).toEqual(await one.frames.next());
  });

  it('P2: without persistence too, with the gateway’s own count, and nothing is stored', async () => {
    const one = await connectPlain(gateway.wsUrl, { query: { session: 'unstored' } });
    const two = await connectFramed(lively.wsUrl, { query: { session: 'unstored' } });
    expect(await two.frames.next()).toMatchObject({ type: 'welcome', persistence: 'none', epoch: null, seq: 0 });
    one.sendRaw('a');
    expect(await one.frames.next()).toMatchObject({ count: 1, content: 'Message #1: a' });
    const frame = await two.frames.next({ content: 'a' });
    expect(Object.keys(frame).sort()).toEqual(['content', 'id', 'sender', 'timestamp', 'type']);
    two.send({ type: 'send', id: 'm2', content: 'b' });
    expect(await two.frames.next({ id: 'm2' })).toMatchObject({ type: 'message', content: 'b' });
    expect(await one.frames.next({ echo: 'b' })).toMatchObject({ count: 1 });
    expect(await redis.cli('exists', 'session:unstored')).toBe('0');
  });

  it('P3: a heartbeat every HEARTBEAT_INTERVAL, the first one interval after opening', async () => {
    const openedMs = performance.now();
    const member = await joinPlain(lively, 'beating');
    const beats: number[] = [];
    for (let i = 0; i < 3; i++) {
      const beat = await member.frames.next();
      beats.push(performance.now() - openedMs);
      expect(Object.keys(beat)).toEqual(['ts']);
      expect(new Date(String(beat['ts'])).toISOString()).toBe(beat['ts']);
    }
    for (const [index, ms] of beats.entries()) expect(ms).toBeGreaterThanOrEqual((index + 1) * 490);
  });
});

describe('the framed protocol', () => {
  it('V1: the welcome comes first and has every field', async () => {
    const { welcome } = await joinFramed(lively, 'welcomed');
    expect(welcome).toEqual({
      type: 'welcome',
      protocol: 'holdfast.v1',
      sessionId: 'welcomed',
      connectionId: expect.any(String),
      sender: expect.any(String),
      persistence: 'redis',
      storage: 'redis',
      epoch: expect.stringMatching(/^[0-9a-f]{11,}-[0-9a-f]+$/),
      seq: 0,
      firstSeq: 0,
      recovered: false,
      ttl: 3600,
      remainingTtl: 3600,
      color: 'green',
      heartbeatMs: 500,
      maxMessageBytes: 16_384,
      serverTime: expect.any(Number),
    });
  });

  it('V2, V20: a send comes back with its seq to its sender and all others', async () => {
    const [one, two] = [await joinFramed(gateway, 'framed'), await joinFramed(lively, 'framed')];
    const before = Date.now();
    one.client.send({ type: 'send', id: 'm-1', content: 'grüße\n"\u2028', later: 'ignored' });
    const own = await one.client.frames.next({ id: 'm-1' });
    expect(own).toEqual({
      type: 'message',
      seq: 1,
      id: 'm-1',
      content: 'grüße\n"\u2028',
      sender: one.welcome['connectionId'],
      timestamp: expect.any(Number),
    });
    expect(Math.abs(Number(own['timestamp']) - before)).toBeLessThan(5_000);
    expect(await two.client.frames.next(isMessage)).toEqual(own);
  });

  it('V4: a retry of what was stored is acknowledged to its sender alone, on another connection and gateway too', async () => {
    const client = 'secret-of-a-client-01';
    const [witness, one] = [await joinFramed(gateway, 'retried'), await joinFramed(gateway, 'retried', { client })];
    one.client.send({ type: 'send', id: 'm1', content: 'x' });
    await witness.client.frames.next({ id: 'm1' });
    const two = await joinFramed(lively, 'retried', { client });
    const after = { epoch: two.welcome['epoch'], seq: 0, id: '' };
    two.client.send({ type: 'send', id: 'm1', content: 'x', retry: true, after });
    expect(await two.client.frames.next({ type: 'ack' })).toEqual({ type: 'ack', id: 'm1', seq: 1 });
    two.client.send({ type: 'send', id: 'm2', content: 'y', retry: true, after });
    expect(await witness.client.frames.next(isMessage)).toMatchObject({ id: 'm2', seq: 2 });
    expect(witness.client.frames.matching({ type: 'ack' })).toEqual([]);
    expect(await redis.cli('xlen', '{session:retried}:log')).toBe('2');
  });

  it('A4: a retry with a position that no session can have is stored like any other', async () => {
    const { client, welcome } = await joinFramed(gateway, 'absurd');
    const absurd = [
      { epoch: welcome['epoch'], seq: Number.MAX_SAFE_INTEGER, id: 'x' },
      { epoch: 'not one\nof ours', seq: 1, id: 'x' },
      { epoch: '', seq: 0, id: '' },
    ];
    client.send({ type: 'send', id: 'first', content: 'x' });
    for (const [n, after] of absurd.entries()) {
      client.send({ type: 'send', id: `r${n}`, content: 'x', retry: true, after });
      expect(await client.frames.next({ id: `r${n}` })).toMatchObject({ type: 'message', seq: n + 2 });
    }
  });

  it('V5: heartbeats tell the time and the delivered seq', async () => {
    const { client } = await joinFramed(lively, 'pulse');
    client.send({ type: 'send', id: 'm1', content: 'x' });
    await client.frames.next({ id: 'm1' });
    expect(await client.frames.next({ type: 'heartbeat' })).toEqual({
      type: 'heartbeat',
      timestamp: expect.any(Number),
      seq: 1,
    });
  });

  it('V9, P5: a broadcast reaches every member of every gateway; other payloads on its channel reach nobody', async () => {
    const members = [
      await connectPlain(gateway.wsUrl),
      await joinPlain(lively, 'told'),
      (await joinFramed(gateway, 'told')).client,
    ];
    for (const garbage of ['', '{', 'null', '[]', '{"message":1}']) {
      await redis.cli('publish', 'holdfast:broadcast', garbage);
      await redis.cli('publish', '{session:told}:live', garbage);
    }
    const sent = { title: 'Soon', message: 'We restart', level: 'warning', timestamp: 1_700_000_000_000 };
    await (await storeOf(redis)).keepBroadcast('b1', JSON.stringify({ id: 'b1', ...sent }));
    await redis.cli('publish', 'holdfast:broadcast', JSON.stringify({ id: 'b1', ...sent }));
    const [one, two, three] = await Promise.all(members.map((member) => member.frames.next({ type: 'broadcast' })));
    expect([one, two]).toEqual([
      { type: 'broadcast', ...sent },
      { type: 'broadcast', ...sent },
    ]);
    expect(three).toEqual({ type: 'broadcast', id: 'b1', ...sent });
  });

  it('C8, V10: data of a signal that would arrive changed are refused by their path; all others arrive', async () => {
    const query = { session: 'signals', presence: 'true' };
    const one = await connectFramed(gateway.wsUrl, { query });
    const two = await connectFramed(lively.wsUrl, { query });
    await Promise.all([one.frames.next({ type: 'welcome' }), two.frames.next({ type: 'welcome' })]);
    one.sendRaw('{"type":"signal","name":"cursor","data":{"order":{"id":9007199254740993}}}');
    expect(await one.frames.next({ type: 'error' })).toEqual({
      type: 'error',
      code: 'invalid_frame',
      message:
        'data.order.id must be a number that JavaScript keeps, or a string: 9007199254740993 would become 9007199254740992',
    });
    one.sendRaw('{"type":"signal","name":"cursor","data":{"x":1.50,"id":"9007199254740993"}}');
    expect(await two.frames.next({ type: 'signal' })).toMatchObject({ data: { x: 1.5, id: '9007199254740993' } });
  });

  it('V22: pings are answered', async () => {
    const { client } = await joinFramed(gateway, 'pinged');
    client.send({ type: 'ping', id: 'p-1' });
    expect(await client.frames.next()).toEqual({ type: 'pong', id: 'p-1' });
    client.send({ type: 'ping' });
    expect(await client.frames.next()).toEqual({ type: 'pong' });
  });

  it('V23: the tenth ill-formed frame within a minute closes 1008', async () => {
    const { client } = await joinFramed(gateway, 'abused');
    for (const text of ['', '{', '[]', 'null', '1', '"x"', '{}', '{"type":"nope"}', '{"type":"send"}']) {
      client.sendRaw(text);
      expect(await client.frames.next()).toMatchObject({ type: 'error', code: 'invalid_frame' });
    }
    expect(client.open).toBe(true);
    client.sendRaw('x');
    expect((await client.closed).code).toBe(1008);
  });

  it('V11: more than MAX_MESSAGES_PER_SECOND is rate_limited, and the rest arrives', async () => {
    const { client } = await joinFramed(gateway, 'hasty');
    for (let i = 0; i < 60; i++) client.send({ type: 'send', id: `m${i}`, content: 'x' });
    client.send({ type: 'ping', id: 'last' });
    await client.frames.next({ type: 'pong' });
    const limited = client.frames.matching({ code: 'rate_limited' });
    expect(limited.length).toBeGreaterThan(5);
    expect(limited[0]).toMatchObject({ id: expect.any(String), retryAfterMs: expect.any(Number) });
    await client.frames.take(60 - limited.length, isMessage);
  });
});

describe('sizes and encodings', () => {
  async function both(session: string): Promise<{ framed: WsClient; plain: WsClient }> {
    return { framed: (await joinFramed(gateway, session)).client, plain: await joinPlain(gateway, session) };
  }

  it('C6: empty and too large messages are refused, and the connections stay', async () => {
    const { framed, plain } = await both('sizes');
    framed.send({ type: 'send', id: 'e', content: '' });
    expect(await framed.frames.next()).toMatchObject({ type: 'error', code: 'empty_message', id: 'e' });
    plain.sendRaw('');
    expect(await plain.frames.next()).toMatchObject({ type: 'error', code: 'empty_message' });
    framed.send({ type: 'send', id: 'l', content: 'x'.repeat(MAX_BYTES + 1) });
    expect(await framed.frames.next()).toMatchObject({ type: 'error', code: 'message_too_large', id: 'l' });
    plain.sendRaw('x'.repeat(8 * MAX_BYTES));
    expect(await plain.frames.next()).toMatchObject({ type: 'error', code: 'message_too_large' });
    plain.sendRaw('ü'.repeat(MAX_BYTES / 2));
    expect(await framed.frames.next(isMessage)).toMatchObject({ content: 'ü'.repeat(MAX_BYTES / 2) });
  });

  it('C6: a frame of more than 8 times MESSAGE_MAX_BYTES is closed 1009', async () => {
    const { framed, plain } = await both('too-big');
    framed.sendRaw('x'.repeat(8 * MAX_BYTES + 1));
    plain.sendRaw('x'.repeat(20 * MAX_BYTES));
    expect([(await framed.closed).code, (await plain.closed).code]).toEqual([1009, 1009]);
  });

  it('C6: a frame that is too large to be read ends the connection, counted as 1009', async () => {
    const { framed } = await both('enormous');
    const before = (await gateway.metric('holdfast_closes_total', { code: '1009' })) ?? 0;
    framed.sendRaw('x'.repeat(32 * MAX_BYTES + 1));
    expect([1006, 1009]).toContain((await framed.closed).code);
    expect(await gateway.metric('holdfast_closes_total', { code: '1009' })).toBe(before + 1);
  });

  it('C6: text that is not UTF-8 ends the connection, counted as 1007; in a binary frame it is invalid_frame', async () => {
    const { framed, plain } = await both('bytes');
    plain.sendRaw(Uint8Array.of(0xc3, 0x28));
    expect(await plain.frames.next()).toMatchObject({ type: 'error', code: 'invalid_frame' });
    const before = (await gateway.metric('holdfast_closes_total', { code: '1007' })) ?? 0;
    framed.sendBytesAsText(Uint8Array.of(0x22, 0xff, 0x22));
    expect([1006, 1007]).toContain((await framed.closed).code);
    expect(await gateway.metric('holdfast_closes_total', { code: '1007' })).toBe(before + 1);
  });
});
