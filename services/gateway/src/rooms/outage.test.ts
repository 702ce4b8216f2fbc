import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { ann, bob, gateway, other, plain, setUpOutage, world } from '../../test/support/outage.js';
import { pending, statuses, stored } from '../../test/support/outage-frames.js';

setUpOutage();

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
    expect(bob.contents).toEqual(['m1']);
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

  it('D3, R1: one with a position that its room has not reached hears nothing stored before it is told where it is', async () => {
    gateway.fanOut.hear = () => false;
    for (const id of ['m2', 'm3']) bob.say(id);
    await world.settle();
    gateway.silence();
    await world.advance(1_000);
    const epoch = String(ann.welcome['epoch']);
    const moved = await gateway.connect('s', { resume: { lastSeq: 2, lastId: 'm2', epoch } });
    expect(moved.welcome).toMatchObject({ epoch: '', seq: 0, firstSeq: 0, recovered: false });
    ann.say('m4');
    await world.settle();
    expect(pending(moved)).toEqual(['m4']);
    gateway.answer();
    await world.advance(1_000);
    expect(moved.ofType('session')).toEqual([{ type: 'session', event: 'reset', epoch, from: 3 }]);
    expect(stored(moved)).toEqual([
      [3, 'm3'],
      [4, 'm4'],
    ]);
    expect(ann.ofType('session')).toEqual([]);
  });

  it('V3, D3: one that nobody has placed yet is not shown as pending what it may have passed, but what is new', async () => {
    // Stored by way of the other gateway, and sent again here, where nobody has heard of it.
    gateway.silence();
    bob.say('m2');
    await world.advance(1_000);
    const epoch = String(ann.welcome['epoch']);
    bob.leave();
    const moved = await gateway.connect('s', { resume: { lastSeq: 2, lastId: 'm2', epoch } });
    const again = await gateway.connect('s', { client: 'secret-of-bob-0001' });
    again.say('m2', 'm2', { retry: true });
    await world.settle();
    again.say('m3');
    await world.settle();
    expect([pending(again), pending(ann), pending(moved)]).toEqual([['m2', 'm3'], ['m2', 'm3'], ['m3']]);
    gateway.answer();
    await world.advance(1_000);
    expect(moved.ofType('session')).toEqual([{ type: 'session', event: 'reset', epoch, from: 3 }]);
    expect([stored(moved), await world.ids('s')]).toEqual([[[3, 'm3']], ['m1', 'm2', 'm3']]);
  });

  it('D3, F1: whoever comes while its room is brought back hears what follows', async () => {
    for (const member of [ann, plain]) member.leave();
    await world.settle();
    await world.silence();
    gateway.log.answered = async ({ method }) => {
      if (method !== 'read') return;
      gateway.log.answered = () => undefined;
      late = gateway.dial('s');
    };
    let late: FakeClient | undefined;
    await world.answer();
    await world.advance(3_000);
    bob.say('m2');
    await world.settle();
    expect(late && [statuses(late), stored(late)]).toEqual([['redis'], [[2, 'm2']]]);
  });

  it('D3: one that asked for no history gets what was stored since its welcome, on both protocols', async () => {
    await world.advance(60_000);
    bob.say('m2');
    await world.settle();
    const third = world.gateway();
    third.silence();
    await world.advance(10_000);
    const [framed, script] = [await third.connect('s'), await third.connect('s', { plain: true })];
    framed.say('mine');
    bob.say('m3');
    await world.settle();
    third.answer();
    await world.advance(1_000);
    expect(stored(framed)).toEqual([
      [3, 'm3'],
      [4, 'mine'],
    ]);
    expect(script.contents).toEqual(['mine', 'm3']);
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

  it('F3: /readyz and the metric tell the truth within two canary intervals of its end', async () => {
    const truth = (): unknown[] => [gateway.core.readiness()['storage'], gateway.metrics.redis.up];
    await world.silence();
    await world.advance(60_000);
    expect(truth()).toEqual(['memory', false]);
    gateway.answer();
    await world.advance(1_000);
    expect(truth()).toEqual(['redis', true]);
  });

  it('T1, G5: keeps no session alive in which nobody speaks, and brings none back that has expired', async () => {
    const before = (await world.store.get('s'))?.remainingMs ?? 0;
    await world.silence();
    await world.advance(60_000);
    await world.answer();
    expect((await world.store.get('s'))?.remainingMs).toBeLessThan(before - 60_000);
    await world.silence();
    await world.advance(3_600_000);
    await world.answer();
    await world.advance(2_000);
    expect(ann.ofType('session')).toEqual([{ type: 'session', event: 'expired' }]);
    expect(await world.store.get('s')).toBeUndefined();
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
