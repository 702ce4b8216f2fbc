import { environmentMistakes } from '@holdfast/config';
import { liveChannel } from '@holdfast/session-store';
import { settlePromises } from '@holdfast/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { gateOf } from '../../test/support/gate.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.close());

describe('a connection before its welcome', () => {
  it('V1: messages that came before the welcome are handled after it, in their order', async () => {
    const gateway = world.gateway();
    const gate = gateOf(gateway.log, 'open');
    const client = await gateway.connect('s');
    for (const id of ['a', 'b', 'c']) client.say(id);
    await world.settle();
    expect(client.received).toEqual([]);
    gate.open();
    await world.settle();
    expect(client.welcome).toMatchObject({ seq: 0 });
    expect(client.contents).toEqual(['a', 'b', 'c']);
  });

  it('V1: gets no frame before its welcome, whatever happens meanwhile', async () => {
    const gateway = world.gateway({ MESSAGE_MAX_BYTES: '100' });
    const gate = gateOf(gateway.log, 'open');
    const client = await gateway.connect('s');
    client.socket.receive(Uint8Array.of(0xff), true);
    const broadcast = { id: 'b', title: '', message: 'hello', level: 'info', timestamp: 1 };
    await world.broadcast(broadcast);
    void gateway.core.drain();
    await world.settle();
    expect(client.received).toEqual([]);
    gate.open();
    await world.settle();
    expect(client.received.map((frame) => frame['type'])).toEqual(['welcome', 'error', 'broadcast', 'drain']);
  });

  it('B5: is closed 1013 when it sends more than the 64 KiB that a gateway keeps for it; one frame may be larger', async () => {
    const gateway = world.gateway({ MESSAGE_MAX_BYTES: '200000' });
    gateOf(gateway.log, 'open');
    const [small, large] = [await gateway.connect('s'), await gateway.connect('s')];
    for (let i = 0; i < 4; i++) small.say(`m${i}`, 'x'.repeat(16_000));
    large.say('one', 'x'.repeat(200_000));
    expect([small.closeCode, large.closeCode]).toEqual([undefined, undefined]);
    for (const client of [small, large]) client.say('one-more', 'x'.repeat(16_000));
    expect([small.closeCode, large.closeCode]).toEqual([1013, 1013]);
  });

  it('is closed 1013 when it sends very many frames, however small they are', async () => {
    const gateway = world.gateway({ MAX_MESSAGES_PER_SECOND: '0' });
    gateOf(gateway.log, 'open');
    const client = await gateway.connect('s');
    for (let i = 0; i < 100_000 && client.closeCode === undefined; i++) client.send('');
    expect(client.closeCode).toBe(1013);
  });

  it('leaves: the messages that it sent are not stored', async () => {
    const gateway = world.gateway();
    const gate = gateOf(gateway.log, 'open');
    const client = await gateway.connect('s');
    client.say('a');
    client.leave();
    gate.open();
    await world.settle();
    expect(await world.ids('s')).toEqual([]);
    expect(gateway.core.readiness()['connections']).toBe(0);
  });
});

describe('what a client may send', () => {
  it.each([
    ['not JSON', 'hello'],
    ['an empty frame', ''],
    ['not an object', '[1]'],
    ['an unknown type', '{"type":"shout"}'],
    ['no id', '{"type":"send","content":"x"}'],
    ['a bad id', '{"type":"send","id":"a b","content":"x"}'],
    ['content of another form', '{"type":"send","id":"a","content":1}'],
    ['a bad position', '{"type":"send","id":"a","content":"x","retry":true,"after":{"seq":-1}}'],
  ])('V23: %s is answered with invalid_frame', async (_what, text) => {
    const client = await world.gateway().connect('s');
    client.send(text);
    expect(client.received.at(-1)).toMatchObject({ type: 'error', code: 'invalid_frame', message: expect.any(String) });
    expect(client.closeCode).toBeUndefined();
  });

  it('V23: ten invalid frames within a minute close 1008, each of them answered', async () => {
    const client = await world.gateway().connect('s');
    for (let i = 0; i < 9; i++) client.send('{');
    expect(client.closeCode).toBeUndefined();
    client.send('{');
    expect(client.closeCode).toBe(1008);
    expect(client.ofType('error')).toHaveLength(10);
  });

  it('V23: nine a minute do not close it, however long that goes on', async () => {
    const client = await world.gateway().connect('s');
    for (let minute = 0; minute < 10; minute++) {
      for (let i = 0; i < 9; i++) client.send('{');
      await world.advance(60_001);
    }
    expect(client.closeCode).toBeUndefined();
  });

  it('V23: ten within any minute close it, wherever that minute begins', async () => {
    const client = await world.gateway().connect('s');
    client.send('{');
    await world.advance(55_000);
    for (let i = 0; i < 4; i++) client.send('{');
    await world.advance(10_000);
    for (let i = 0; i < 5; i++) client.send('{');
    expect(client.closeCode).toBeUndefined();
    client.send('{');
    expect(client.closeCode).toBe(1008);
  });

  it('C6: an empty message is refused, however often, and the connection stays', async () => {
    const gateway = world.gateway();
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    for (let i = 0; i < 12; i++) {
      framed.say('a', '');
      plain.send('');
    }
    expect(framed.ofType('error').at(-1)).toMatchObject({ code: 'empty_message', id: 'a' });
    expect(plain.ofType('error').at(-1)).toMatchObject({ code: 'empty_message' });
    expect([framed.closeCode, plain.closeCode]).toEqual([undefined, undefined]);
  });

  it('C6: a message of MESSAGE_MAX_BYTES passes, one more byte is message_too_large, and the connection stays', async () => {
    const gateway = world.gateway({ MESSAGE_MAX_BYTES: '100' });
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    framed.say('fits', `${'ä'.repeat(49)}xx`);
    framed.say('large', `${'ä'.repeat(49)}xxx`);
    plain.send('y'.repeat(100));
    plain.send('y'.repeat(101));
    await world.settle();
    expect(framed.ofType('error')).toMatchObject([{ code: 'message_too_large', id: 'large' }]);
    expect(plain.ofType('error')).toMatchObject([{ code: 'message_too_large' }]);
    expect(framed.contents).toEqual([`${'ä'.repeat(49)}xx`, 'y'.repeat(100)]);
    expect([framed.closeCode, plain.closeCode]).toEqual([undefined, undefined]);
  });

  it('B6: with the smallest limits that are allowed, the largest message reaches everybody', async () => {
    const least = { MESSAGE_MAX_BYTES: '512', MAX_BACKPRESSURE_BYTES: '4096', TAIL_BYTES: '4096' };
    const session = 's'.repeat(128);
    const limits = { ...least, OUTAGE_BUFFER_BYTES: '4096' };
    expect(environmentMistakes('gateway', limits)).toEqual([]);
    const gateway = world.gateway(limits);
    const [framed, plain] = [await gateway.connect(session), await gateway.connect(session, { plain: true })];
    for (const { socket } of [framed, plain]) socket.stall();
    // Control characters take six bytes of JSON each, on the way in and on the way out.
    const content = '\u0001'.repeat(512);
    const position = { epoch: 'e'.repeat(64), seq: Number.MAX_SAFE_INTEGER, id: 'p'.repeat(64) };
    const send = { type: 'send', id: 'i'.repeat(64), content, retry: true, after: position };
    framed.send(JSON.stringify(send));
    await world.settle();
    expect(framed.contents).toEqual([content]);
    expect(plain.ofType('error')).toEqual([]);
    expect(plain.received.at(-1)).toMatchObject({ content: `Message #1: ${content}` });
    for (const { socket } of [framed, plain]) socket.flush({ stayStalled: true });
    await world.settle();
    expect([framed.closeCode, plain.closeCode]).toEqual([undefined, undefined]);
    await world.advance(1_000);
    expect(gateway.metrics.gateway.gauges.tailBytes).toBeGreaterThan(content.length * 6);
    // V21: so does the largest signal.
    const signal = { type: 'signal', name: 'n', data: '' };
    framed.send(JSON.stringify({ ...signal, data: 'x'.repeat(1_024 - JSON.stringify(signal).length) }));
    await world.settle();
    expect([framed.closeCode, framed.ofType('error')]).toEqual([undefined, []]);
  });

  it('C6: a content is counted after decoding: escapes may make its frame up to 8 times as large', async () => {
    const client = await world.gateway({ MESSAGE_MAX_BYTES: '100' }).connect('s');
    client.send(`{"type":"send","id":"a","content":"${'\\u0041'.repeat(100)}"}`);
    await world.settle();
    expect(client.contents).toEqual(['A'.repeat(100)]);
  });

  it('C6: a frame of more than 8 times MESSAGE_MAX_BYTES is closed 1009', async () => {
    const client = await world.gateway({ MESSAGE_MAX_BYTES: '100' }).connect('s');
    client.send(' '.repeat(800));
    expect(client.closeCode).toBeUndefined();
    client.send(' '.repeat(801));
    expect(client.closeCode).toBe(1009);
  });

  it('P1: a binary frame is a content as well; C6: one that is not UTF-8 is answered with invalid_frame', async () => {
    const gateway = world.gateway();
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    plain.socket.receive(Buffer.from('\ufeffgrüße'), true);
    plain.socket.receive(Uint8Array.of(0xc3, 0x28), true);
    framed.socket.receive(Buffer.from('{"type":"ping"}'), true);
    framed.socket.receive(Uint8Array.of(0xff, 0xfe), true);
    await world.settle();
    expect(plain.contents).toEqual(['\ufeffgrüße']);
    expect(plain.ofType('error')).toMatchObject([{ code: 'invalid_frame' }]);
    expect(framed.ofType('error')).toMatchObject([{ code: 'invalid_frame' }]);
    expect(framed.ofType('pong')).toHaveLength(1);
  });

  it('V22: a ping is answered, with its id', async () => {
    const client = await world.gateway().connect('s');
    client.send({ type: 'ping' });
    client.send({ type: 'ping', id: 'p1' });
    client.send({ type: 'auth', token: 't' });
    expect(client.received.slice(1)).toEqual([{ type: 'pong' }, { type: 'pong', id: 'p1' }]);
  });
});

describe('the rate of a connection', () => {
  it('V11: more than MAX_MESSAGES_PER_SECOND, with a burst of twice that, is rate_limited with the time to wait', async () => {
    const gateway = world.gateway({ MAX_MESSAGES_PER_SECOND: '5' });
    const client = await gateway.connect('s');
    for (let i = 1; i <= 12; i++) client.say(`m${i}`);
    await world.settle();
    const told = client.ofType('error');
    expect(told).toMatchObject([
      { code: 'rate_limited', id: 'm11', retryAfterMs: 200 },
      { code: 'rate_limited', id: 'm12', retryAfterMs: 200 },
    ]);
    await world.advance(200);
    client.say('m11');
    await world.settle();
    expect(client.contents).toEqual([...Array.from({ length: 10 }, (_, index) => `m${index + 1}`), 'm11']);
    expect(gateway.counters.messagesIn).toBe(13);
  });

  it('V20, A2: what was sent behind a refused message does not overtake it, until it comes again or is given up', async () => {
    const gateway = world.gateway({ MAX_MESSAGES_PER_SECOND: '5' });
    const client = await gateway.connect('s');
    for (let i = 1; i <= 11; i++) client.say(`m${i}`);
    await world.advance(400);
    for (const id of ['m12', 'm13']) client.say(id);
    await world.settle();
    expect(client.ofType('error')).toMatchObject([
      { code: 'rate_limited', id: 'm11', retryAfterMs: 200 },
      { code: 'not_stored', id: 'm12', retryAfterMs: 800 },
      { code: 'not_stored', id: 'm13', retryAfterMs: 800 },
    ]);
    await world.advance(800 - 1);
    for (const id of ['m11', 'm12']) client.say(id);
    await world.settle();
    expect(client.contents.slice(10)).toEqual(['m11', 'm12']);
    // The message that is refused now never comes again.
    for (let i = 1; i <= 9; i++) client.say(`n${i}`);
    await world.advance(2_000);
    client.say('n10');
    await world.settle();
    expect(client.contents.at(-1)).toBe('n10');
  });

  it('V20, A2: also while its sender does not read the refusal: the wait begins when the network has taken it', async () => {
    const gateway = world.gateway({ MAX_MESSAGES_PER_SECOND: '5', HEARTBEAT_INTERVAL: '600' });
    const client = await gateway.connect('s');
    for (let i = 1; i <= 10; i++) client.say(`m${i}`);
    client.socket.stall();
    client.say('m11');
    await world.advance(5_000);
    client.say('m12');
    client.socket.flush();
    await world.advance(1_100);
    client.say('m13');
    for (const id of ['m11', 'm12', 'm13']) client.say(id);
    await world.settle();
    expect(client.contents.slice(10)).toEqual(['m11', 'm12', 'm13']);
    expect(client.ofType('error').map(({ code, id }) => [code, id])).toEqual([
      ['rate_limited', 'm11'],
      ['not_stored', 'm12'],
      ['not_stored', 'm13'],
    ]);
  });

  it('V20, V1: a frame above the rate that came before the welcome is refused in its turn: those before it pass', async () => {
    const gateway = world.gateway({ MAX_MESSAGES_PER_SECOND: '5' });
    const gate = gateOf(gateway.log, 'open');
    const client = await gateway.connect('s');
    for (let i = 1; i <= 11; i++) client.say(`m${i}`);
    await world.advance(5_000);
    client.say('m12');
    gate.open();
    await world.settle();
    expect(client.ofType('error')).toMatchObject([
      { code: 'rate_limited', id: 'm11' },
      { code: 'not_stored', id: 'm12' },
    ]);
    for (const id of ['m11', 'm12']) client.say(id);
    await world.settle();
    expect(client.contents.slice(10)).toEqual(['m11', 'm12']);
  });

  it('V20, D2: also where the outage buffer has no room for one, but for a smaller one behind it', async () => {
    const gateway = world.gateway({
      // A session that is alone has half of it.
      OUTAGE_BUFFER_BYTES: '10000',
      MESSAGE_MAX_BYTES: '600',
      MAX_MESSAGES_PER_SECOND: '0',
    });
    const client = await gateway.connect('s');
    await world.silence();
    for (let i = 0; i < 8; i++) client.say(`m${i}`, 'x'.repeat(300));
    client.say('large', 'x'.repeat(600));
    client.say('small', 'x');
    await world.settle();
    expect(client.ofType('error').map((frame) => frame['id'])).toEqual(['large', 'small']);
    await world.answer();
    // A retry does not overtake it either.
    client.send({ type: 'send', id: 'tiny', content: 'x', retry: true });
    await world.settle();
    expect(client.ofType('error')).toHaveLength(3);
    for (const id of ['large', 'small']) client.say(id);
    await world.settle();
    expect(
      client
        .ofType('message')
        .flatMap(({ id, seq }) => (seq ? [id] : []))
        .slice(-2),
    ).toEqual(['large', 'small']);
  });

  it('V11: counts each connection by itself; 0 is no limit', async () => {
    const gateway = world.gateway({ MAX_MESSAGES_PER_SECOND: '1' });
    const [one, two] = [await gateway.connect('s', { plain: true }), await gateway.connect('s', { plain: true })];
    for (let i = 0; i < 3; i++) one.send('x');
    two.send('y');
    expect([one.ofType('error').length, two.ofType('error').length]).toEqual([1, 0]);
    const free = await world.gateway({ MAX_MESSAGES_PER_SECOND: '0' }).connect('s');
    for (let i = 0; i < 1_000; i++) free.say(`m${i}`);
    expect(free.ofType('error')).toEqual([]);
  });
});

describe('a frame of any kind', () => {
  const LIMIT = 5;
  /** Frames that pass at once. */
  const BURST = 2 * LIMIT;
  /** Frames above these that are borne at once. */
  const EXCESS = 1_000;
  const limited = (): GatewayInWorld => world.gateway({ MAX_MESSAGES_PER_SECOND: String(LIMIT) });
  const signal = { type: 'signal', name: 'typing' };

  it('V24: takes a turn: 3,000 signals at once are not passed on, and 4429 ends it', async () => {
    const gateway = limited();
    const [from, to] = [await gateway.connect('s'), await gateway.connect('s', { query: { presence: 'true' } })];
    for (let i = 0; i < 3_000 && from.closeCode === undefined; i++) from.send(signal);
    await world.settle();
    expect(to.ofType('signal')).toHaveLength(BURST);
    expect(from.ofType('error')).toMatchObject([{ code: 'rate_limited', retryAfterMs: 200 }]);
    expect(from.closeCode).toBe(4429);
  });

  it.each([
    ['an empty frame of the plain protocol', { plain: true }, '', 'empty_message'],
    ['a token', {}, { type: 'auth', token: 't' }, undefined],
    ['a content that is too long', { plain: true }, 'x'.repeat(20_000), 'message_too_large'],
  ])('V24: %s takes a turn; above the rate it is answered once a second', async (_what, options, frame, code) => {
    const client = await limited().connect('s', options);
    const told = (word: string | undefined): number => client.ofType('error').filter((e) => e['code'] === word).length;
    for (let i = 0; i < 500; i++) client.send(frame);
    expect(told('rate_limited')).toBe(1);
    expect(told(code)).toBe(code === undefined ? 0 : BURST);
    await world.advance(1_000);
    for (let i = 0; i < 100; i++) client.send(frame);
    expect(told('rate_limited')).toBe(2);
    expect(client.closeCode).toBeUndefined();
  });

  it('V24: one that is refused as a message is answered each time', async () => {
    const client = await limited().connect('s');
    for (let i = 0; i < 100; i++) client.say(`m${i}`);
    await world.settle();
    const refused = client.ofType('error').map((error) => error['id']);
    expect(refused).toEqual(Array.from({ length: 100 - BURST }, (_, index) => `m${index + BURST}`));
  });

  it('V24: a ping takes a turn too, and is answered as long as it is borne', async () => {
    const client = await limited().connect('s');
    for (let i = 0; i <= BURST + EXCESS; i++) client.send({ type: 'ping' });
    expect([client.ofType('pong').length, client.ofType('error').length]).toEqual([BURST + EXCESS, 0]);
    expect(client.closeCode).toBe(4429);
  });

  it('V24: pings and pongs of WebSocket take turns with the others', async () => {
    const client = await limited().connect('s');
    for (let i = 0; i < BURST; i++) client.socket.ping();
    client.say('m');
    expect(client.ofType('error')).toMatchObject([{ code: 'rate_limited', id: 'm' }]);
    for (let i = 1; i < EXCESS; i++) client.socket.ping();
    expect(client.closeCode).toBeUndefined();
    client.socket.ping();
    expect(client.closeCode).toBe(4429);
  });

  it('V24: counts before the welcome too', async () => {
    const gateway = limited();
    gateOf(gateway.log, 'open');
    const client = await gateway.connect('s');
    for (let i = 0; i < BURST + EXCESS; i++) client.send(signal);
    expect(client.closeCode).toBeUndefined();
    client.send(signal);
    expect(client.closeCode).toBe(4429);
  });

  it('V24: twice the rate is borne for ever', async () => {
    const client = await limited().connect('s');
    for (let second = 0; second < 1_000; second++) {
      for (let i = 0; i < 2 * LIMIT; i++) client.send(signal);
      await world.advance(1_000);
    }
    expect(client.closeCode).toBeUndefined();
  });
});

describe('a member that reads too slowly', () => {
  it('F6: is closed 4408 for pongs, error frames and heartbeats as for messages', async () => {
    const gateway = world.gateway({
      MAX_BACKPRESSURE_BYTES: '2000',
      MAX_MESSAGES_PER_SECOND: '0',
      HEARTBEAT_INTERVAL: '1',
    });
    const ways: readonly ((client: FakeClient) => Promise<void> | void)[] = [
      (client) => client.socket.ping(),
      (client) => client.send({ type: 'ping', id: 'p'.repeat(60) }),
      (client) => client.say('a', ''),
      () => world.advance(1_000),
    ];
    const codes: (number | undefined)[] = [];
    for (const way of ways) {
      const client = await gateway.connect('s');
      client.socket.stall();
      for (let i = 0; i < 100 && client.closeCode === undefined; i++) {
        await way(client);
        await world.settle();
      }
      codes.push(client.closeCode);
    }
    expect(codes).toEqual([4408, 4408, 4408, 4408]);
    expect(gateway.counters.backpressureCloses).toBe(4);
  });

  it('F6: is closed 4408 and counted after its first dropped frame; others get everything', async () => {
    const gateway = world.gateway({ MAX_BACKPRESSURE_BYTES: '2000', MAX_MESSAGES_PER_SECOND: '0' });
    const [slow, quick] = [await gateway.connect('s'), await gateway.connect('s')];
    slow.socket.stall();
    for (let i = 1; i <= 50; i++) quick.say(`m${i}`);
    await world.settle();
    expect(slow.closeCode).toBe(4408);
    expect(quick.seqs).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    const upTo = slow.seqs.length;
    expect(upTo).toBeGreaterThan(5);
    expect(slow.seqs).toEqual(Array.from({ length: upTo }, (_, index) => index + 1));
    expect(gateway.counters.backpressureCloses).toBe(1);
  });

  it('F6: gets no frame after the dropped one, although the network takes bytes again before the close', async () => {
    const gateway = world.gateway({ MAX_BACKPRESSURE_BYTES: '1024' });
    const slow = await gateway.connect('s', { query: { presence: 'true' } });
    const signal = async (name: string): Promise<void> => {
      world.broker.publish(liveChannel('s'), `g other\n${JSON.stringify({ type: 'signal', name })}`);
      await settlePromises();
    };
    slow.socket.stall();
    await signal('x'.repeat(2_000));
    await signal('dropped');
    slow.socket.flush();
    await signal('after');
    expect(slow.ofType('signal')).toHaveLength(1);
    await world.settle();
    expect([slow.closeCode, slow.ofType('signal').length]).toEqual([4408, 1]);
  });
});

describe('heartbeats', () => {
  it('V5: framed ones tell the time and the delivered seq; P3: plain ones tell the time', async () => {
    const gateway = world.gateway({ HEARTBEAT_INTERVAL: '10' });
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    framed.say('a');
    await world.advance(10_400);
    const { timestamp, ...rest } = framed.received.at(-1) ?? {};
    expect(rest).toEqual({ type: 'heartbeat', seq: 1 });
    expect(new Date(String(plain.received.at(-1)?.['ts'])).getTime()).toBe(timestamp);
    expect(plain.received.at(-1)).toEqual({ ts: new Date(Number(timestamp)).toISOString() });
  });
});
