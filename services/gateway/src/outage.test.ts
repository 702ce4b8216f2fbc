import { StorageUnavailableError } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../test/support/fake-client.js';
import { type GatewayInWorld, World } from '../test/support/world.js';

let world: World;
let gateway: GatewayInWorld;
let other: GatewayInWorld;
let ann: FakeClient;
let plain: FakeClient;
let bob: FakeClient;
beforeEach(async () => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
  ann = await gateway.connect('s', { client: 'secret-of-ann-0001' });
  plain = await gateway.connect('s', { plain: true });
  bob = await other.connect('s', { client: 'secret-of-bob-0001' });
  ann.say('m1');
  await world.settle();
});
afterEach(() => world.close());

const ids = (member: FakeClient): unknown[] => member.ofType('message').map((frame) => frame['id']);
const pending = (member: FakeClient): unknown[] =>
  member.ofType('message').flatMap((frame) => (frame['pending'] === true ? [frame['id']] : []));
const stored = (member: FakeClient): unknown[] =>
  member.ofType('message').flatMap((frame) => (frame['seq'] === undefined ? [] : [[frame['seq'], frame['id']]]));
const statuses = (member: FakeClient): unknown[] => member.ofType('status').map((frame) => frame['storage']);

describe('Redis away', () => {
  it('D1, V6: is noticed by silence, said once in the log, and told to framed members', async () => {
    await world.silence();
    await world.advance(60_000);
    expect([statuses(ann), statuses(plain), statuses(bob)]).toEqual([['memory'], [], ['memory']]);
    const said = gateway.messages.filter((line) => String(line).startsWith('Redis'));
    expect(said).toEqual(['Redis does not answer: chat goes on in memory']);
    expect(gateway.core.readiness()).toMatchObject({ ready: true, storage: 'memory' });
    expect(gateway.metrics.redis.up).toBe(false);
    await world.answer();
    expect([statuses(ann), statuses(bob)]).toEqual([
      ['memory', 'redis'],
      ['memory', 'redis'],
    ]);
    expect(gateway.core.readiness()).toMatchObject({ ready: true, storage: 'redis' });
    expect(gateway.metrics.redis.up).toBe(true);
  });

  it('D1: a command that nobody answers is an outage at once, a broken connection only when it stays broken', async () => {
    gateway.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    ann.say('m2');
    await world.advance(200);
    gateway.log.fate = () => 'works';
    await world.advance(2_000);
    expect([statuses(ann), stored(bob)]).toEqual([
      [],
      [
        [1, 'm1'],
        [2, 'm2'],
      ],
    ]);
    gateway.silence();
    ann.say('m3');
    await world.settle();
    expect(statuses(ann)).toEqual(['memory']);
  });

  it('D1, V3: messages are shown to local members as pending, to plain ones with the gateway’s own count', async () => {
    await world.silence();
    ann.say('m2', 'two');
    plain.send('three');
    await world.settle();
    expect(ann.ofType('message').slice(1)).toMatchObject([
      { pending: true, id: 'm2', content: 'two', sender: expect.any(String), timestamp: world.clock.now() },
      { pending: true, content: 'three' },
    ]);
    expect(
      ann
        .ofType('message')
        .slice(1)
        .some((frame) => 'seq' in frame),
    ).toBe(false);
    expect(plain.ofType('message').slice(1)).toMatchObject([
      { count: 2, echo: 'two', content: 'Message #2: two' },
      { count: 3, echo: 'three' },
    ]);
    expect(ids(bob)).toEqual(['m1']);
  });

  it('D1: a message that was on its way when it went is shown too, and stored once', async () => {
    gateway.silence();
    ann.say('m2');
    await world.advance(1_000);
    expect([pending(ann), plain.contents]).toEqual([['m2'], ['m1', 'm2']]);
    gateway.answer();
    await world.advance(1_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    expect([stored(ann).at(-1), plain.contents]).toEqual([
      [2, 'm2'],
      ['m1', 'm2'],
    ]);
  });

  it('D1: a member of a session that is known here is welcomed where the room is, and hears what is said', async () => {
    await world.silence();
    const late = await gateway.connect('s');
    expect(late.welcome).toMatchObject({ storage: 'memory', epoch: ann.welcome['epoch'], seq: 1, firstSeq: 1 });
    ann.say('m2');
    await world.settle();
    expect(pending(late)).toEqual(['m2']);
    await world.answer();
    expect(late.ofType('session')).toEqual([]);
    expect(stored(late)).toEqual([[2, 'm2']]);
  });

  it('D1, R1: a member resumes from the tail', async () => {
    ann.say('m2');
    await world.settle();
    await world.silence();
    const epoch = String(ann.welcome['epoch']);
    const back = await gateway.connect('s', { resume: { lastSeq: 1, lastId: 'm1', epoch } });
    expect(back.welcome).toMatchObject({ recovered: true, storage: 'memory', seq: 2 });
    expect(stored(back)).toEqual([[2, 'm2']]);
    ann.say('m3');
    await world.answer();
    expect(stored(back)).toEqual([
      [2, 'm2'],
      [3, 'm3'],
    ]);
    expect(back.ofType('session')).toEqual([]);
  });

  it('D1: a member of a session that is unknown here is welcomed without an epoch, and chats', async () => {
    await world.silence();
    const [one, two] = [await gateway.connect('new'), await gateway.connect('new')];
    expect(one.welcome).toMatchObject({ epoch: '', seq: 0, recovered: false, storage: 'memory' });
    one.say('a');
    await world.settle();
    expect([pending(one), pending(two)]).toEqual([['a'], ['a']]);
    await world.answer();
    const epoch = await world.epochOf('new');
    for (const member of [one, two]) {
      expect(member.ofType('session')).toEqual([{ type: 'session', event: 'reset', epoch, from: 1 }]);
      expect(stored(member)).toEqual([[1, 'a']]);
      const order = member.received.map((frame) => frame['event'] ?? frame['seq'] ?? frame['storage']);
      expect(order.indexOf('reset')).toBeLessThan(order.indexOf(1));
      expect(order.at(-1)).toBe('redis');
    }
  });

  it('D3, R1: a member that came with a position nobody here knew goes on from it on the same socket', async () => {
    for (const id of ['m2', 'm3', 'm4']) bob.say(id);
    await world.settle();
    const third = world.gateway();
    await world.silence();
    const epoch = String(ann.welcome['epoch']);
    const moved = await third.connect('s', { resume: { lastSeq: 2, lastId: 'm2', epoch } });
    expect(moved.welcome).toMatchObject({ epoch: '', recovered: false });
    moved.say('m5');
    await world.answer();
    expect(moved.ofType('session')).toEqual([{ type: 'session', event: 'reset', epoch, from: 3 }]);
    expect(stored(moved)).toEqual([
      [3, 'm3'],
      [4, 'm4'],
      [5, 'm5'],
    ]);
    expect(moved.closeCode).toBeUndefined();
  });

  it('D1: a join that waits for Redis when it goes away goes on in memory', async () => {
    gateway.log.fate = ({ method }) => (method === 'open' ? new Promise(() => undefined) : 'works');
    const late = gateway.dial('s');
    await world.advance(2_000);
    expect(late.received).toEqual([]);
    gateway.silence();
    await world.advance(1_000);
    expect(late.welcome).toMatchObject({ storage: 'memory', seq: 1 });
  });

  it('D1: a gateway starts without Redis, and its sessions are stored when there is one', async () => {
    const early = world.gateway({}, { prepare: (starting) => starting.silence() });
    const member = await early.connect('early');
    expect(member.welcome).toMatchObject({ epoch: '', storage: 'memory' });
    member.say('a');
    await world.advance(30_000);
    expect(pending(member)).toEqual(['a']);
    early.answer();
    await world.advance(1_000);
    expect(await world.ids('early')).toEqual(['a']);
    expect(statuses(member)).toEqual(['redis']);
  });

  it('D1, F5: what is known of a session outlives its last member as long as the outage lasts', async () => {
    await world.silence();
    for (const member of [ann, plain]) member.leave();
    await world.advance(600_000);
    const back = await gateway.connect('s');
    expect(back.welcome).toMatchObject({ seq: 1, epoch: ann.welcome['epoch'] });
    const stranger = await gateway.connect('never-heard-of');
    stranger.leave();
    await world.advance(62_000);
    expect(gateway.metrics.gateway.gauges.rooms).toBe(1);
  });

  it('D1: without persistence members here hear each other', async () => {
    const [one, two] = [
      await gateway.connect('u', { persistent: false }),
      await gateway.connect('u', { persistent: false }),
    ];
    await world.silence();
    one.say('a');
    await world.settle();
    expect([one.contents, two.contents]).toEqual([['a'], ['a']]);
    await world.answer();
    const there = await other.connect('u', { persistent: false });
    one.say('b');
    await world.settle();
    expect([two.contents, there.contents]).toEqual([['a', 'b'], ['b']]);
  });
});

describe('what waits', () => {
  it('D2: is bounded by OUTAGE_BUFFER_BYTES: beyond it a send is not_stored, with a time to try again', async () => {
    const small = world.gateway({ OUTAGE_BUFFER_BYTES: '3000', MAX_MESSAGES_PER_SECOND: '0' });
    const eve = await small.connect('small');
    await world.silence();
    for (let i = 0; i < 30; i++) eve.say(`e${i}`);
    const refused = eve.ofType('error').map((frame) => frame['id']);
    expect(eve.ofType('error')[0]).toMatchObject({ code: 'not_stored', retryAfterMs: expect.any(Number) });
    expect(pending(eve).length + refused.length).toBe(30);
    expect(small.metrics.gateway.gauges.unstoredBytes).toBeLessThanOrEqual(3_000);
    await world.answer();
    expect(stored(eve).map((each) => (each as unknown[])[1])).toEqual(pending(eve));
  });

  it('D2: Redis is asked with the canary alone while it is away, not by every room', async () => {
    for (let i = 0; i < 50; i++) await gateway.connect(`room-${i}`);
    await world.silence();
    ann.say('m2');
    await world.advance(5_000);
    const before = gateway.log.calls.length;
    ann.say('m3');
    await world.advance(60_000);
    expect(gateway.log.calls.length).toBe(before);
  });

  it('D3: is stored in its order, marked retry, with what others said meanwhile in between', async () => {
    gateway.silence();
    await world.advance(1_000);
    for (const id of ['m2', 'm3']) ann.say(id);
    plain.send('m4');
    bob.say('x1');
    await world.advance(1_000);
    gateway.answer();
    await world.advance(1_000);
    const retries = gateway.log
      .of('append')
      .at(-1)
      ?.request?.messages.map(({ retry }) => retry !== undefined);
    expect(retries).toEqual([true, true, true]);
    expect(bob.contents).toEqual(['m1', 'x1', 'm2', 'm3', 'm4']);
    expect(
      ann
        .ofType('message')
        .filter((frame) => 'seq' in frame)
        .map((frame) => frame['content']),
    ).toEqual(bob.contents);
  });

  it('D3: a plain member that saw it pending does not get it twice, and gets what it has not seen', async () => {
    gateway.silence();
    await world.advance(1_000);
    ann.say('m2');
    plain.send('m3');
    bob.say('x1');
    const late = await gateway.connect('s', { plain: true });
    ann.say('m4');
    gateway.answer();
    await world.advance(1_000);
    expect(plain.contents).toEqual(['m1', 'm2', 'm3', 'm4', 'x1']);
    expect(late.contents).toEqual(['m4', 'x1', 'm2', 'm3']);
    expect(bob.contents).toEqual(['m1', 'x1', 'm2', 'm3', 'm4']);
  });

  it('D3: members are told that it is over although there is always more to store', async () => {
    await world.silence();
    ann.say('m2');
    for (const each of [gateway, other]) each.answer();
    gateway.log.answered = ({ method }) => {
      if (method === 'append') ann.say(`more-${gateway.log.calls.length}`);
      return new Promise((resolve) => world.clock.setTimeout(resolve, 5));
    };
    await world.advance(1_500);
    gateway.log.answered = () => undefined;
    expect(statuses(ann)).toEqual(['memory', 'redis']);
  });

  it('D5: is sent again by a client that moves to another gateway, and stored once', async () => {
    gateway.silence();
    await world.advance(1_000);
    ann.say('m2');
    await world.settle();
    ann.leave();
    const epoch = String(ann.welcome['epoch']);
    const resume = { lastSeq: 1, lastId: 'm1', epoch };
    const moved = await other.connect('s', { client: 'secret-of-ann-0001', resume });
    moved.say('m2', 'm2', { retry: true, after: { epoch, seq: 1, id: 'm1' } });
    await world.settle();
    gateway.answer();
    await world.advance(2_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    expect(bob.contents).toEqual(['m1', 'm2']);
  });

  it('D3: goes on waiting when Redis goes away again before all of it is stored', async () => {
    await world.silence();
    for (let i = 0; i < 200; i++) ann.say(`n${i}`);
    let appends = 0;
    for (const each of [gateway, other]) each.answer();
    gateway.log.fate = ({ method }) => {
      if (method === 'append') appends += 1;
      return appends > 1 ? 'silence' : 'works';
    };
    await world.advance(300);
    gateway.silence();
    await world.advance(5_000);
    ann.say('last');
    await world.settle();
    expect(pending(ann).at(-1)).toBe('last');
    await world.answer();
    await world.advance(2_000);
    expect(bob.contents.slice(1)).toEqual([...Array.from({ length: 200 }, (_, i) => `n${i}`), 'last']);
    expect(statuses(ann).at(-1)).toBe('redis');
  });

  it('D6: sessions that one shard does not take go on in memory, the others are stored', async () => {
    const sharded = world.gateway({ REDIS_MODE: 'cluster' });
    const [down, up] = [await sharded.connect('down'), await sharded.connect('up')];
    sharded.log.fate = ({ sessionId }) => (sessionId === 'down' ? 'silence' : 'works');
    for (const member of [down, up]) member.say('m1');
    await world.advance(2_500);
    expect([statuses(down), pending(down)]).toEqual([['memory'], ['m1']]);
    expect([statuses(up), stored(up)]).toEqual([[], [[1, 'm1']]]);
    const late = await sharded.connect('down');
    expect(late.welcome).toMatchObject({ storage: 'memory' });
    sharded.log.fate = () => 'works';
    await world.advance(3_000);
    expect([statuses(down), stored(down)]).toEqual([['memory', 'redis'], [[1, 'm1']]]);
  });

  it('D1: a session that Redis does not take, because it is full, goes on in memory', async () => {
    const full = new StorageUnavailableError("OOM command not allowed when used memory > 'maxmemory'.");
    gateway.log.fate = ({ method }) => (method === 'append' || method === 'open' ? full : 'works');
    ann.say('m2');
    await world.advance(2_000);
    const late = gateway.dial('another');
    await world.advance(2_000);
    late.say('a');
    await world.advance(1_000);
    expect([pending(ann), plain.contents, pending(late)]).toEqual([['m2'], ['m1', 'm2'], ['a']]);
    gateway.log.fate = () => 'works';
    await world.advance(3_000);
    expect([stored(bob).at(-1), stored(late)]).toEqual([[2, 'm2'], [[1, 'a']]]);
    expect(plain.contents).toEqual(['m1', 'm2']);
  });
});
