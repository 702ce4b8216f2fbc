import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../../../test/support/fake-client.js';
import { gateOf } from '../../../test/support/gate.js';
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
} from '../../../test/support/two-gateways.js';
import { World } from '../../../test/support/world.js';

setUpTwoGateways({ ttl: 1_000 });

const resets = (member: FakeClient): unknown[] => member.ofType('session').filter(({ event }) => event === 'reset');

describe('what was found by the simulation', () => {
  it('G2: a log that was lost alone is put back when the next message shows it', async () => {
    await say(bob, 'm1', 'm2');
    world.store.loseLog('s');
    await say(ann, 'm3');
    await world.advance(1_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3']);
    expect(resets(bob)).toEqual([]);
  });

  it('G3: a room that was opened while the log was lost learns its newest id, and its appends are taken', async () => {
    await say(bob, 'm1', 'm2');
    world.store.loseLog('s');
    const opened = world.gateway();
    const eve = await opened.connect('s', { resume: { lastSeq: 0 } });
    expect(eve.welcome).toMatchObject({ seq: 2, firstSeq: 0 });
    here.fanOut.interrupt();
    await world.advance(1_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    await say(eve, 'm3');
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3']);
    // The first attempt is refused, and the sync that follows learns the id.
    expect(opened.log.of('append').length).toBeLessThanOrEqual(2);
  });

  it('R1, R3: who joins while the log begins after the room gets what the room has, and then what follows', async () => {
    await say(bob, 'm1');
    lose();
    await say(bob, 'm2');
    const putsBack = gateOf(there.log, 'heal');
    world.store.loseLog('s');
    await say(bob, 'm3');
    hearAgain();
    here.fanOut.interrupt();
    await world.settle();
    const carol = await here.connect('s', { resume: { lastSeq: 0 } });
    expect(carol.welcome).toMatchObject({ recovered: true, seq: 1, firstSeq: 1 });
    const dave = await here.connect('s', { resume: { lastSeq: 1, epoch: await world.epochOf('s') } });
    expect(dave.welcome).toMatchObject({ recovered: true, seq: 1 });
    putsBack.open();
    await world.advance(1_000);
    expect([carol.seqs, dave.seqs]).toEqual([
      [1, 2, 3],
      [2, 3],
    ]);
  });

  it.each([
    ['all of it', async () => world.store.loseLog('s')],
    [
      'all but the newest message',
      async () => {
        world.store.loseLog('s');
        await say(bob, 'm3');
      },
    ],
  ])('R3, G2: who joins after a log was put back gets the whole history: %s', async (_lost, lost) => {
    await say(bob, 'm1', 'm2');
    ann.leave();
    await lost();
    there.fanOut.interrupt();
    await world.advance(1_000);
    const carol = await there.connect('s', { resume: { lastSeq: 0 } });
    expect(carol.welcome).toMatchObject({ recovered: true, firstSeq: 1 });
    expect(carol.contents).toEqual(await world.ids('s'));
  });

  it('G5: a deletion that is heard while older messages are put back is not undone by what was read before', async () => {
    await say(bob, 'm1', 'm2');
    world.store.loseLog('s');
    const putsBack = gateOf(there.log, 'heal', 'after');
    await say(bob, 'm3');
    expect(putsBack.waiting).toBe(1);
    await world.store.remove('s');
    await world.settle();
    putsBack.open();
    await world.settle();
    expect(there.core.rooms.get('s')?.delivered.isPlaced).toBe(false);
  });

  it('G4: numbers go on, and one fork is enough, where the gateway that is ahead has nothing left in memory', async () => {
    const small = new World();
    const forgetful = small.gateway({ TAIL_BYTES: '1' });
    const carol = await forgetful.connect('s');
    for (const id of ['m1', 'm2', 'm3']) {
      const copy = small.store.copy();
      carol.say(id);
      await small.settle();
      if (id === 'm3') small.store.rewind(copy);
    }
    forgetful.fanOut.interrupt();
    await small.advance(5_000);
    const epoch = await small.epochOf('s');
    expect((await small.store.get('s'))?.count).toBe(3);
    carol.say('m4');
    await small.advance(5_000);
    expect(await small.epochOf('s')).toBe(epoch);
    expect(await small.ids('s')).toEqual(['m1', 'm2', 'm4']);
    expect(carol.seqs.at(-1)).toBe(4);
    await small.close();
  });

  it('G4: a reset begins at 1 for members that share nothing with what the log has now', async () => {
    await say(bob, 'm1', 'm2', 'm3');
    world.store.lose();
    const fresh = world.gateway();
    const carol = await fresh.connect('s');
    await say(carol, 'c1');
    await world.advance(5_000);
    expect(resets(carol)).toMatchObject([{ from: 1 }]);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3', 'c1']);
    expect(carol.contents.slice(1)).toEqual(['m1', 'm2', 'm3', 'c1']);
  });

  it('G4: one id of two members is two messages: a plain member gets the one it has not had', async () => {
    const plain = await there.connect('s', { plain: true });
    await say(bob, 'm1');
    const copy = world.store.copy();
    const hears = { here: true, there: true };
    here.fanOut.hear = () => hears.here;
    there.fanOut.hear = () => hears.there;
    hears.here = false;
    bob.say('b2');
    bob.say('same', 'by bob');
    await world.settle();
    hears.there = false;
    world.store.rewind(copy);
    for (const id of ['a2', 'a3']) ann.say(id);
    ann.say('same', 'by ann');
    await world.settle();
    Object.assign(hears, { here: true, there: true });
    for (const gateway of [here, there]) gateway.fanOut.interrupt();
    await world.advance(5_000);
    await say(bob, 'last');
    await world.advance(5_000);
    expect([...plain.contents].sort()).toEqual(['a2', 'a3', 'b2', 'by ann', 'by bob', 'last', 'm1']);
  });

  it('F4, G2: an interruption shows what Redis has lost also to rooms whose members have left', async () => {
    await say(bob, 'm1', 'm2');
    for (const member of [ann, bob]) member.leave();
    await world.advance(1_000);
    await there.connect('another');
    world.store.lose();
    there.fanOut.interrupt();
    await world.advance(1_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
  });

  it('G5: an expiry counts from when Redis was asked, however long its answer takes', async () => {
    let answer = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      answer = resolve;
    });
    there.log.answered = ({ method }) => (method === 'append' ? late : undefined);
    await say(bob, 'm1');
    await world.advance(800_000);
    answer();
    await world.settle();
    expect(there.core.rooms.get('s')?.expiry.remainingMs).toBe(200_000);
  });

  it('G5, V4: a repetition that waits is answered before the end of what it repeats is forgotten', async () => {
    await say(bob, 'm1');
    await world.silence();
    bob.say('m1', 'm1', { retry: true });
    await world.advance(1_001_000);
    world.store.lose();
    await world.answer();
    expect(bob.ofType('session').at(-1)).toMatchObject({ event: 'expired' });
    expect(bob.ofType('ack')).toMatchObject([{ id: 'm1', seq: 1 }]);
    expect(await world.ids('s')).toEqual([]);
  });

  it('D3, D2: what was stored is not shown as pending again when its sender repeats it in an outage', async () => {
    const plain = await there.connect('s', { plain: true });
    there.log.fate = ({ method }) => (method === 'append' ? 'lost after' : 'works');
    await say(bob, 'm1');
    await world.silence();
    await world.advance(3_000);
    expect(bob.ofType('status').at(-1)).toMatchObject({ storage: 'memory' });
    bob.say('m1', 'm1', { retry: true });
    await world.advance(3_000);
    expect(plain.contents).toEqual(['m1']);
    await world.answer();
    await world.advance(5_000);
    expect(await world.ids('s')).toEqual(['m1']);
    expect(plain.contents).toEqual(['m1']);
  });

  it('D3: a room in which nothing waits any more stays where it is when it is back', async () => {
    there.log.fate = ({ method }) => (method === 'append' ? 'lost after' : 'works');
    await say(bob, 'm1');
    await world.advance(10_000);
    there.log.fate = () => 'works';
    await world.advance(5_000);
    const told = bob.ofType('status').length;
    expect(told === 0 || bob.ofType('status').at(-1)?.['storage'] === 'redis').toBe(true);
    await world.advance(10_000);
    expect(bob.ofType('status')).toHaveLength(told);
  });

  const OWN = 'the epoch of the session';

  it.each([
    ['that is right, and trimmed', 2, { lastSeq: 1, lastId: 'm1', epoch: OWN }],
    ['beyond the newest number', 1, { lastSeq: 9, lastId: 'm9', epoch: OWN }],
    ['with another id at its number', 1, { lastSeq: 5, lastId: 'x5', epoch: OWN }],
    ['of an epoch that has gone', 1, { lastSeq: 5, lastId: 'm5', epoch: 'gone' }],
    ['of an epoch that has gone, and was not as far', 1, { lastSeq: 1, lastId: 'm1', epoch: 'gone' }],
  ])(
    'D3, V7, R2: a late member with a position %s is told from where it may differ, and what is not kept',
    async (_which, from, asked) => {
      const small = new World({ historyMax: 3 });
      const gateway = small.gateway();
      for (let n = 1; n <= 6; n++) await small.append('s', `m${n}`);
      const resume = { ...asked, epoch: asked.epoch === OWN ? await small.epochOf('s') : asked.epoch };
      await small.silence();
      const late = await gateway.connect('s', { resume });
      await small.answer();
      await small.advance(5_000);
      expect(late.ofType('session')).toMatchObject([
        { event: 'reset', from },
        { event: 'gap', from, to: 3 },
      ]);
      expect(late.seqs).toEqual([4, 5, 6]);
      await small.close();
    },
  );

  it('D3, R2: a late member is told of a history that goes on although nothing of it is kept', async () => {
    const epoch = await world.epochOf('s');
    await world.append('s', 'm1', 'm2');
    for (const member of [ann, bob]) member.leave();
    await world.advance(62_000);
    world.store.loseLog('s');
    await world.silence();
    const late = await here.connect('s', { resume: { lastSeq: 5, lastId: 'x5', epoch } });
    await world.answer();
    await world.advance(5_000);
    expect(late.ofType('session')).toMatchObject([
      { event: 'reset', from: 1 },
      { event: 'gap', from: 1, to: 2 },
    ]);
    await say(late, 'm3');
    expect(late.seqs).toEqual([3]);
  });

  it('G5: a gateway remembers also that an epoch was deleted which is not its own', async () => {
    await say(bob, 'm1');
    const copy = world.store.copy();
    here.fanOut.hear = () => false;
    await world.store.remove('s');
    await world.settle();
    const carol = await there.connect('s');
    await say(carol, 'new');
    world.store.rewind(copy);
    there.fanOut.interrupt();
    await world.advance(5_000);
    expect(await world.ids('s')).toEqual(['new']);
  });
});
