import { describe, expect, it } from 'vitest';
import { events, OLD, plain, setUpHistory } from '../../test/support/history.js';
import { ann, bob, here, world } from '../../test/support/two-gateways.js';

setUpHistory();

describe('what has ended', () => {
  it('G5: expired stays expired: past its deadline a lost session begins anew, pending messages first', async () => {
    const epoch = await world.epochOf('s');
    await world.silence();
    ann.say('m4');
    await world.advance(1_001_000);
    world.store.lose();
    await world.answer();
    expect(events(ann)).toEqual(['expired']);
    expect(await world.ids('s')).toEqual(['m4']);
    expect((await world.epochOf('s')) > epoch).toBe(true);
    expect(ann.seqs.at(-1)).toBe(1);
    expect(plain.contents).toEqual([...OLD, 'm4']);
  });

  it('G5: pending messages do not put the deadline off', async () => {
    await world.silence();
    for (let n = 0; n < 11; n++) {
      ann.say(`p${n}`);
      await world.advance(100_000);
    }
    world.store.lose();
    await world.answer();
    expect(events(ann)).toEqual(['expired']);
    expect((await world.ids('s'))[0]).toBe('p0');
  });

  it('G5: deleted stays deleted when Redis comes back empty, or as a copy from before', async () => {
    const epoch = await world.epochOf('s');
    const copy = world.store.copy();
    await world.store.remove('s');
    await world.settle();
    expect([ann.closeCode, bob.closeCode, plain.closeCode]).toEqual([4404, 4404, 4404]);
    for (const comeBack of [() => world.store.lose(), () => world.store.rewind(copy)]) {
      await world.silence();
      comeBack();
      await world.answer();
      expect(await world.store.get('s')).toBeUndefined();
      const late = await here.connect('s', { resume: { lastSeq: 3, lastId: 'm3', epoch } });
      expect(late.closeCode).toBe(4404);
    }
    const next = await here.connect('s');
    expect(next.welcome).toMatchObject({ seq: 0 });
    expect(await world.ids('s')).toEqual([]);
  });

  it('G5: also when nobody noticed that Redis was away', async () => {
    const epoch = await world.epochOf('s');
    const copy = world.store.copy();
    await world.store.remove('s');
    await world.settle();
    world.store.rewind(copy);
    const next = await here.connect('s');
    expect(next.welcome).toMatchObject({ seq: 0 });
    expect(await world.epochOf('s')).not.toBe(epoch);
    world.store.rewind(copy);
    next.say('new');
    await world.advance(1_000);
    expect(await world.ids('s')).toEqual(['new']);
  });

  it('G5: a resume that names it is closed 4404 in the outage too', async () => {
    const epoch = await world.epochOf('s');
    await world.store.remove('s');
    await world.silence();
    const late = await here.connect('s', { resume: { lastSeq: 3, lastId: 'm3', epoch } });
    expect(late.closeCode).toBe(4404);
    const other = await here.connect('s');
    expect(other.welcome).toMatchObject({ epoch: '', seq: 0 });
  });

  it('G5: deleted during the outage: what waits is not_stored, and members are told', async () => {
    here.silence();
    await world.advance(1_000);
    ann.say('m4');
    await world.store.remove('s');
    await world.settle();
    here.answer();
    await world.advance(1_000);
    expect(ann.ofType('error')).toMatchObject([{ code: 'not_stored', id: 'm4' }]);
    expect([events(ann), ann.closeCode]).toEqual([['deleted'], 4404]);
    expect(await world.store.get('s')).toBeUndefined();
  });

  it('G6: a client that claims more than there is resets nothing', async () => {
    const epoch = await world.epochOf('s');
    const liar = here.dial('s', { resume: { lastSeq: 99, lastId: 'm99', epoch } });
    await world.advance(3_000);
    expect(liar.welcome).toMatchObject({ recovered: false, seq: 3, epoch });
    expect(await world.epochOf('s')).toBe(epoch);
    expect([events(ann), events(bob)]).toEqual([[], []]);
  });
});
