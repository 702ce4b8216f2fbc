import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../test/support/fake-client.js';
import { gateOf } from '../test/support/gate.js';
import { type GatewayInWorld, World } from '../test/support/world.js';

const LIVE = liveChannel('s');

let world: World;
/** Two gateways; the room under test is the first one's. */
let here: GatewayInWorld;
let there: GatewayInWorld;
let ann: FakeClient;
let bob: FakeClient;
beforeEach(async () => {
  world = new World();
  here = world.gateway({ MAX_MESSAGES_PER_SECOND: '0', HEARTBEAT_INTERVAL: '1' });
  there = world.gateway();
  ann = await here.connect('s', { client: 'secret-of-ann-0001' });
  bob = await there.connect('s', { client: 'secret-of-bob-0001' });
});
afterEach(() => world.close());

/** The first gateway does not hear the next publishes of the session. */
function lose(count = Number.POSITIVE_INFINITY): void {
  let left = count;
  here.fanOut.hear = (channel) => channel !== LIVE || --left < 0;
}

function hearAgain(): void {
  here.fanOut.hear = () => true;
}

const reads = (): number => here.log.of('read').length;
const idsOf = (client: FakeClient): unknown[] => client.ofType('message').map((frame) => frame['id']);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

async function say(client: FakeClient, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    client.say(id);
    await world.settle();
  }
}

describe('delivery in a room', () => {
  it('V2: every member on every gateway gets every message in seq order; the sender its own as acknowledgement', async () => {
    for (let i = 1; i <= 20; i++) (i % 3 === 0 ? ann : bob).say(`m${i}`);
    await world.settle();
    expect([ann.seqs, bob.seqs]).toEqual([upTo(20), upTo(20)]);
    expect(ann.received).toEqual(expect.arrayContaining(bob.ofType('message')));
    expect(ann.ofType('message')[0]).toEqual({
      type: 'message',
      seq: 1,
      id: expect.any(String),
      content: expect.any(String),
      sender: expect.any(String),
      timestamp: world.clock.now(),
    });
    expect(reads()).toBe(1);
  });

  it('P2: plain members get the same as sentences, with the count', async () => {
    const plain = await here.connect('s', { plain: true });
    await say(ann, 'm1');
    plain.send('two\n"quoted" ünïcode \u2028');
    await world.settle();
    const content = 'two\n"quoted" ünïcode \u2028';
    expect(plain.received).toEqual([
      {
        type: 'message',
        count: 1,
        echo: 'm1',
        content: 'Message #1: m1',
        timestamp: world.clock.now(),
        isSent: false,
        sessionId: 's',
      },
      expect.objectContaining({ count: 2, echo: content, content: `Message #2: ${content}` }),
    ]);
    expect(bob.contents).toEqual(['m1', content]);
  });

  it('F2: a message heard twice is delivered once', async () => {
    const epoch = await world.epochOf('s');
    await say(bob, 'm1', 'm2');
    world.publishForged('s', epoch, { seq: 0, id: '' }, 'm1', 'm2');
    world.publishForged('s', epoch, { seq: 1, id: 'm1' }, 'm2');
    await world.settle();
    expect(ann.seqs).toEqual([1, 2]);
    expect(reads()).toBe(1);
  });
});

describe('what does not follow on the position', () => {
  it('F2: skips ahead: the publish before it was lost, and is delivered first', async () => {
    await say(bob, 'm1');
    lose(2);
    await say(bob, 'm2', 'm3');
    expect(ann.seqs).toEqual([1]);
    await say(bob, 'm4');
    expect(ann.seqs).toEqual([1, 2, 3, 4]);
    expect(here.counters.gaps).toBe(0);
  });

  it('F2: the last publish was lost: what this gateway stored is delivered within 100 ms of the answer', async () => {
    lose();
    await say(ann, 'm1');
    await world.advance(99);
    expect(ann.seqs).toEqual([]);
    await world.advance(1);
    expect(ann.seqs).toEqual([1]);
  });

  it('F4: the last publish was lost: what another gateway stored is delivered when the subscriber is back', async () => {
    lose();
    await say(bob, 'm1', 'm2');
    hearAgain();
    here.fanOut.interrupt();
    await world.settle();
    expect(ann.seqs).toEqual([1, 2]);
  });

  it('F2: another id before its first message starts a sync; what the log does not have is never delivered', async () => {
    const epoch = await world.epochOf('s');
    await say(bob, 'm1', 'm2');
    world.publishForged('s', epoch, { seq: 2, id: 'other' }, 'forged');
    await world.settle();
    expect(reads()).toBe(2);
    expect(idsOf(ann)).toEqual(['m1', 'm2']);
    await say(bob, 'm3');
    expect(idsOf(ann)).toEqual(['m1', 'm2', 'm3']);
  });

  it('F2: another id at a seq already delivered starts a sync', async () => {
    const epoch = await world.epochOf('s');
    await say(bob, 'm1', 'm2', 'm3');
    world.publishForged('s', epoch, { seq: 1, id: 'm1' }, 'other', 'm3');
    await world.settle();
    expect(reads()).toBe(2);
    world.publishForged('s', epoch, { seq: 2, id: 'm2' }, 'other');
    await world.settle();
    expect(reads()).toBe(3);
    expect(idsOf(ann)).toEqual(['m1', 'm2', 'm3']);
  });

  it('F2: another epoch starts a sync', async () => {
    await say(bob, 'm1');
    world.publishForged('s', 'another-epoch', { seq: 1, id: 'm1' }, 'forged');
    await world.settle();
    expect(reads()).toBe(2);
    expect(idsOf(ann)).toEqual(['m1']);
  });

  it('F2: a steady stream of messages starts none, although answers often come before publishes', async () => {
    let held: (() => void)[] = [];
    here.fanOut.arrive = (deliver) => {
      held.push(deliver);
      world.clock.setTimeout(() => held.shift()?.(), 3);
    };
    for (let i = 1; i <= 500; i++) {
      ann.say(`m${i}`);
      await world.advance(2);
    }
    await world.advance(200);
    held = [];
    expect(ann.seqs).toEqual(upTo(500));
    expect(reads()).toBe(1);
  });

  it('F2: what arrives while a sync runs comes after what the sync delivers, each once', async () => {
    lose(1);
    await say(bob, 'm1');
    const gate = gateOf(here.log, 'read', 'after');
    await say(bob, 'm2', 'm3');
    await say(ann, 'm4');
    expect(ann.seqs).toEqual([]);
    gate.open();
    await world.advance(300);
    expect(ann.seqs).toEqual([1, 2, 3, 4]);
  });

  it('F2: also when that is more than it holds', async () => {
    lose(1);
    await say(bob, 'first');
    const gate = gateOf(here.log, 'read', 'after');
    await say(bob, 'second');
    for (let i = 0; i < 1_200; i++) await world.append('s', `x${i}`);
    await world.settle();
    gate.open();
    await world.advance(300);
    expect(ann.seqs).toEqual(upTo(1_202));
  });
});

describe('acknowledgements', () => {
  it('V4: a retry that was stored already is answered with its seq, to its sender only', async () => {
    await say(ann, 'm1', 'm2');
    const again = await there.connect('s', { client: 'secret-of-ann-0001' });
    again.say('m1', 'm1', { retry: true });
    await world.settle();
    expect(again.ofType('ack')).toEqual([{ type: 'ack', id: 'm1', seq: 1 }]);
    expect([ann.ofType('ack'), bob.ofType('ack')]).toEqual([[], []]);
    expect(ann.seqs).toEqual([1, 2]);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
  });

  it('A4: the same id of another client is another message', async () => {
    await say(ann, 'same');
    bob.say('same', 'of bob', { retry: true });
    await world.settle();
    expect([ann.contents, bob.ofType('ack')]).toEqual([['same', 'of bob'], []]);
  });

  it.each([
    ['after its position', (epoch: string) => ({ epoch, seq: 1, id: 'm1' })],
    ['after a position of another epoch', () => ({ epoch: 'another', seq: 1, id: 'm1' })],
    ['after an epoch that is none', () => ({ epoch: 'a b\n5', seq: 1, id: 'm1' })],
    ['after a number that no session has', (epoch: string) => ({ epoch, seq: Number.MAX_SAFE_INTEGER, id: 'm1' })],
  ])('A4: a retry is found %s', async (_where, after) => {
    await say(bob, 'm1', 'm2', 'm3');
    const far = await here.connect('s', { client: 'secret-of-bob-0001' });
    far.say('m2', 'm2', { retry: true, after: after(await world.epochOf('s')) });
    await world.settle();
    expect(far.ofType('ack')).toEqual([{ type: 'ack', id: 'm2', seq: 2 }]);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3']);
  });

  it('A4: where to look is a position that the log can have, whatever the client claims', async () => {
    const after = { epoch: await world.epochOf('s'), seq: 1e15, id: 'x' };
    ann.say('m1', 'm1', { retry: true, after });
    bob.say('m2', 'm2', { retry: true, after: { epoch: 'a b', seq: 0, id: '' } });
    await world.settle();
    const asked = [...here.log.of('append'), ...there.log.of('append')].flatMap(
      ({ request }) => request?.messages ?? [],
    );
    expect(asked.map(({ retry }) => retry)).toEqual(['anywhere', 'anywhere']);
  });

  it('F7: an ack waits until the room has delivered the message', async () => {
    const far = await here.connect('s', { client: 'secret-of-bob-0001' });
    lose();
    await say(bob, 'm1');
    far.say('m1', 'm1', { retry: true });
    await world.settle();
    expect(far.ofType('ack')).toEqual([]);
    await world.advance(100);
    expect(far.received.slice(-2)).toMatchObject([
      { type: 'message', seq: 1 },
      { type: 'ack', id: 'm1', seq: 1 },
    ]);
  });

  it('F7: an ack that waits does not outlive its epoch', async () => {
    await say(bob, 'm1', 'm2');
    const far = await here.connect('s', { client: 'secret-of-bob-0001' });
    lose();
    await say(bob, 'm3');
    const gate = gateOf(here.log, 'read');
    far.say('m3', 'm3', { retry: true });
    await world.advance(150);
    await world.store.remove('s');
    await world.append('s', 'x1', 'x2', 'x3');
    hearAgain();
    gate.open();
    await world.advance(5_000);
    expect(far.ofType('ack')).toEqual([]);
  });

  it('F7: welcome and heartbeats tell the delivered seq, not the stored one', async () => {
    await say(bob, 'm1');
    lose();
    await say(bob, 'm2');
    const late = await here.connect('s');
    expect(late.welcome).toMatchObject({ seq: 1 });
    await world.advance(1_100);
    expect(late.ofType('heartbeat')).toMatchObject([{ seq: 1 }]);
    hearAgain();
    await say(bob, 'm3');
    expect(late.seqs).toEqual([2, 3]);
  });
});

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
    world.broker.publish('holdfast:broadcast', JSON.stringify(sent));
    await world.settle();
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

  it('a message that cannot be passed on is not_stored', async () => {
    const one = await here.connect('u', { persistent: false });
    here.fanOut.beforePublish = () => Promise.reject(new Error('Connection is closed.'));
    one.say('m1');
    await world.settle();
    expect(one.ofType('error')).toMatchObject([{ code: 'not_stored', id: 'm1', retryAfterMs: expect.any(Number) }]);
  });
});
