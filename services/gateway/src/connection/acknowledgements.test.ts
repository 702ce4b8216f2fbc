import { describe, expect, it } from 'vitest';
import { gateOf } from '../../test/support/gate.js';
import {
  ann,
  bob,
  hearAgain,
  here,
  lose,
  say,
  setUpTwoGateways,
  there,
  world,
} from '../../test/support/two-gateways.js';

setUpTwoGateways({ env: { MAX_MESSAGES_PER_SECOND: '0', HEARTBEAT_INTERVAL: '1' } });

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
    ['after a text that is no epoch', () => ({ epoch: 'a b\n5', seq: 1, id: 'm1' })],
    ['after a number that no session reaches', (epoch: string) => ({ epoch, seq: Number.MAX_SAFE_INTEGER, id: 'm1' })],
  ])('A4: a retry is found %s', async (_where, after) => {
    await say(bob, 'm1', 'm2', 'm3');
    const far = await here.connect('s', { client: 'secret-of-bob-0001' });
    far.say('m2', 'm2', { retry: true, after: after(await world.epochOf('s')) });
    await world.settle();
    expect(far.ofType('ack')).toEqual([{ type: 'ack', id: 'm2', seq: 2 }]);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3']);
  });

  it('A4: the log is asked with a position that it can have, whatever position the client claims', async () => {
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

  it('F7: an ack is not sent when another message has got the number', async () => {
    const copy = world.store.copy();
    const far = await here.connect('s', { client: 'secret-of-bob-0001' });
    lose();
    there.fanOut.hear = () => false;
    bob.say('m1');
    await world.settle();
    far.say('m1', 'm1', { retry: true });
    await world.settle();
    world.store.rewind(copy);
    await world.append('s', 'other');
    await world.advance(1_000);
    expect([far.contents, far.ofType('ack')]).toEqual([['other'], []]);
    hearAgain();
    far.say('m1', 'm1', { retry: true });
    await world.settle();
    expect([far.contents, far.seqs]).toEqual([
      ['other', 'm1'],
      [1, 2],
    ]);
  });

  it('F7: a waiting ack is dropped when its epoch ends', async () => {
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

  it('F7: welcome and heartbeats have the seq that was delivered, not the one that was stored', async () => {
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
