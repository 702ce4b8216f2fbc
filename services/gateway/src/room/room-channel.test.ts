import { describe, expect, it } from 'vitest';
import { ann, bob, here, LIVE, say, setUpTwoGateways, there, world } from '../../test/support/two-gateways.js';

setUpTwoGateways({ env: { MAX_MESSAGES_PER_SECOND: '0', HEARTBEAT_INTERVAL: '1' } });

describe('what else a room passes on', () => {
  it('V21, V10: a signal goes to the others that asked for presence, and is never stored', async () => {
    const one = await here.connect('s', { query: { presence: 'true' } });
    const two = await there.connect('s', { query: { presence: 'true' } });
    one.send({ type: 'signal', name: 'typing', data: { on: true } });
    await world.settle();
    expect(two.ofType('signal')).toEqual([
      { type: 'signal', sender: one.welcome['connectionId'], name: 'typing', data: { on: true } },
    ]);
    expect([one, ann, bob].flatMap((client) => client.ofType('signal'))).toEqual([]);
    expect(await world.ids('s')).toEqual([]);
  });

  it('V9, P5: a broadcast reaches every connection of every gateway, framed ones with its id', async () => {
    const plain = await here.connect('elsewhere', { plain: true, persistent: false });
    const sent = { id: 'b1', title: 'Soon', message: 'We restart', level: 'warning', timestamp: 7 };
    await world.broadcast(sent);
    for (const framed of [ann, bob]) expect(framed.received.at(-1)).toEqual({ type: 'broadcast', ...sent });
    const { id: _framedOnly, ...rest } = sent;
    expect(plain.received).toEqual([{ type: 'broadcast', ...rest }]);
  });

  it('V7: deleted is told, and every connection closed 4404, those without persistence too', async () => {
    const unstored = await here.connect('s', { persistent: false });
    const plain = await there.connect('s', { plain: true });
    await world.store.remove('s');
    await world.settle();
    for (const client of [ann, bob, unstored]) {
      expect(client.received.at(-1)).toEqual({ type: 'session', event: 'deleted' });
    }
    expect([ann, bob, unstored, plain].map((client) => client.closeCode)).toEqual([4404, 4404, 4404, 4404]);
    expect(plain.received).toEqual([]);
  });

  it.each([
    ['no payload of ours', 'hello'],
    ['an empty one', ''],
    ['half of a stored one', 'm e 1'],
    ['a stored one without a frame', 'm e 1 \nkey'],
    ['an event that is not JSON', 's\n{'],
    ['an event that is nothing', 's\nnull'],
    ['an event of another release', 's\n{"event":"renamed"}'],
    ['an unstored one whose frame is not JSON', 'u 1\nkey\n{"type":"message","id":"a",'],
  ])('%s on the channel harms nobody', async (_what, payload) => {
    const plain = await here.connect('s', { plain: true });
    world.broker.publish(LIVE, payload);
    await world.settle();
    const before = plain.socket.frames.length;
    await say(ann, 'm1');
    expect(ann.socket.frames.at(-1)).toContain('"m1"');
    expect(plain.socket.frames.slice(before).map((frame) => JSON.parse(frame))).toMatchObject([{ count: 1 }]);
  });

  it.each(['hello', 'null', '[]', '"x"', '{}', ''])('a broadcast "%s" harms nobody', async (payload) => {
    world.broker.publish('holdfast:broadcast', payload);
    await world.settle();
    await say(ann, 'm1');
    expect(ann.ofType('broadcast')).toEqual([]);
    expect(ann.seqs).toEqual([1]);
  });
});

describe('sessions without persistence', () => {
  it('P2, V2: reach all members on all gateways without a seq; the count is the sender’s gateway’s own', async () => {
    const [one, two] = [
      await here.connect('u', { persistent: false }),
      await there.connect('u', { persistent: false }),
    ];
    const plain = await there.connect('u', { plain: true, persistent: false });
    one.say('m1');
    await world.settle();
    plain.send('m2');
    plain.send('m3');
    await world.settle();
    const frame = { type: 'message', id: 'm1', content: 'm1', sender: one.welcome['connectionId'] };
    for (const client of [one, two]) {
      expect(client.ofType('message')[0]).toEqual({ ...frame, timestamp: world.clock.now() });
      expect(client.contents).toEqual(['m1', 'm2', 'm3']);
    }
    expect(plain.ofType('message').map(({ count, content }) => [count, content])).toEqual([
      [1, 'Message #1: m1'],
      [1, 'Message #1: m2'],
      [2, 'Message #2: m3'],
    ]);
    expect(one.welcome).toMatchObject({ persistence: 'none', epoch: null, seq: 0, firstSeq: 0, ttl: null });
    expect(await world.store.get('u')).toBeUndefined();
  });

  it('S1, S2: have one chat with those that persist; what is stored is what the latter send', async () => {
    const unstored = await there.connect('s', { persistent: false });
    await say(ann, 'm1');
    await say(unstored, 'm2');
    await say(bob, 'm3');
    for (const client of [ann, bob, unstored]) expect(client.contents).toEqual(['m1', 'm2', 'm3']);
    for (const client of [ann, bob]) {
      expect(client.ofType('message').map((frame) => frame['seq'])).toEqual([1, undefined, 2]);
    }
    expect(unstored.ofType('message')[1]).not.toHaveProperty('seq');
    expect(await world.ids('s')).toEqual(['m1', 'm3']);
  });

  it('a message that cannot be passed on is not_stored', async () => {
    const one = await here.connect('u', { persistent: false });
    here.fanOut.beforePublish = () => Promise.reject(new Error('Connection is closed.'));
    one.say('m1');
    await world.settle();
    expect(one.ofType('error')).toMatchObject([{ code: 'not_stored', id: 'm1', retryAfterMs: expect.any(Number) }]);
  });
});

describe('a payload or an entry that somebody has forged', () => {
  it('G2: with the right position and a broken frame: nobody dies, and it is part of what was delivered', async () => {
    const plain = await here.connect('s', { plain: true });
    await say(ann, 'm1');
    const { epoch } = ann.welcome;
    world.broker.publish(LIVE, `m ${String(epoch)} 2 m1\nkey\n{"type":"message","seq":2,"id":"forged",{{`);
    await world.settle();
    await say(bob, 'm2');
    await world.advance(1_000);
    expect(plain.received.at(-1)).toMatchObject({ echo: 'm2' });
    expect(ann.socket.frames.at(-1)).toContain('"m2"');
    expect(await world.ids('s')).toEqual(['m1', 'forged', 'm2']);
  });

  it('in the log: a plain member that resumes gets its number, without content', async () => {
    await world.store.append('s', { messages: [{ id: 'bad', senderKey: 'k', head: '"content":{{' }] });
    await world.append('s', 'm2');
    const plain = await there.connect('s', { plain: true, resume: { lastSeq: 0 } });
    expect(plain.received).toMatchObject([
      { count: 1, echo: '' },
      { count: 2, echo: 'm2' },
    ]);
  });
});
