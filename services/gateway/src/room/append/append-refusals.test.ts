import { OutcomeUnknownError } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { gateOf } from '../../../test/support/gate.js';
import { ann, appendsMeet, bob, gateway, setUpOneGateway, world } from '../../../test/support/one-gateway.js';

setUpOneGateway();

describe('a refused append', () => {
  it.each(['gone', 'epoch', 'behind', 'forked'] as const)(
    'G3: %s: the batch stays first until the room has compared itself with the log, and is stored then, once',
    async (outcome) => {
      const append = world.store.append.bind(world.store);
      world.store.append = async () => {
        world.store.append = append;
        return { outcome };
      };
      const before = gateway.log.of('read').length;
      ann.say('m1');
      await world.settle();
      bob.say('m2');
      await world.settle();
      expect(gateway.log.of('read').length).toBe(before + 1);
      expect(await world.ids('s')).toEqual(['m1', 'm2']);
      expect([ann.seqs, bob.seqs]).toEqual([
        [1, 2],
        [1, 2],
      ]);
      expect(gateway.log.of('append').map(({ request }) => request?.messages.map(({ id }) => id))).toEqual([
        ['m1'],
        ['m1'],
        ['m2'],
      ]);
    },
  );

  /** Refuses the next appends. @returns how many were refused by now */
  function refusing(times: number, outcome: 'gone' | 'epoch' | 'behind' | 'forked'): () => number {
    const append = world.store.append.bind(world.store);
    let refused = 0;
    world.store.append = async (...args) => {
      if (refused === times) return append(...args);
      refused += 1;
      return { outcome };
    };
    return () => refused;
  }

  it.each(['epoch', 'forked'] as const)(
    'A5, G3: %s, and the room finds no cause: tried once more at once, then with growing pauses',
    async (outcome) => {
      const refused = refusing(1_000, outcome);
      ann.say('m1');
      await world.settle();
      expect(refused()).toBe(2);
      await world.advance(100);
      expect(refused()).toBe(3);
      await world.advance(10_000);
      expect(refused()).toBeGreaterThan(6);
      expect(refused()).toBeLessThan(20);
      expect(ann.ofType('error')).toEqual([]);
    },
  );

  it('A5, G3: the pauses end with the first append that is stored', async () => {
    refusing(4, 'forked');
    ann.say('m1');
    await world.advance(1_000);
    expect(await world.ids('s')).toEqual(['m1']);
    const refused = refusing(1, 'forked');
    bob.say('m2');
    await world.settle();
    expect(refused()).toBe(1);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
  });

  it.each(['gone', 'behind'] as const)(
    'G2, G3: %s again and again: each is tried again at once, because a heal leaves the position as it is',
    async (outcome) => {
      refusing(5, outcome);
      ann.say('m1');
      await world.settle();
      expect(await world.ids('s')).toEqual(['m1']);
    },
  );

  it('G3: of another epoch: stored in the one that is, after what it has', async () => {
    for (const id of ['m1', 'm2']) ann.say(id);
    await world.settle();
    gateway.fanOut.hear = () => false;
    world.store.lose();
    await world.append('s', 'x1', 'x2', 'x3');
    gateway.fanOut.hear = () => true;
    ann.say('m3');
    bob.say('m4');
    await world.settle();
    const all = ['x1', 'x2', 'x3', 'm1', 'm2', 'm3', 'm4'];
    expect(await world.ids('s')).toEqual(all);
    const ids = bob.ofType('message').map((frame) => frame['id']);
    expect(ids).toEqual(['m1', 'm2', ...all]);
    expect(bob.ofType('session')).toMatchObject([{ event: 'reset', epoch: await world.epochOf('s'), from: 1 }]);
  });

  it('G3, G5: of an epoch that was deleted and followed by another: not_stored, then deleted and 4404', async () => {
    ann.say('m1');
    await world.settle();
    gateway.fanOut.hear = () => false;
    await world.store.remove('s');
    await world.append('s', 'x1');
    gateway.fanOut.hear = () => true;
    ann.say('m2');
    await world.settle();
    expect(ann.ofType('error')).toMatchObject([{ code: 'not_stored', id: 'm2' }]);
    expect([ann.closeCode, bob.closeCode]).toEqual([4404, 4404]);
    expect(await world.ids('s')).toEqual(['x1']);
  });

  it('G3: gone past the deadline: members are told expired, and the message is number 1 of a new epoch', async () => {
    ann.say('m1');
    await world.settle();
    const epoch = await world.epochOf('s');
    world.clock.stall(3_600_001);
    ann.say('m2');
    await world.settle();
    expect(bob.received.slice(-2)).toMatchObject([
      { type: 'session', event: 'expired' },
      { type: 'message', seq: 1, id: 'm2' },
    ]);
    expect(await world.epochOf('s')).not.toBe(epoch);
  });

  it('G3: gone under a tombstone: not_stored, then deleted and 4404', async () => {
    ann.say('m1');
    await world.settle();
    gateway.fanOut.hear = () => false;
    await world.store.remove('s');
    ann.say('m2');
    await world.settle();
    expect(ann.received.slice(-2)).toMatchObject([
      { type: 'error', code: 'not_stored', id: 'm2' },
      { type: 'session', event: 'deleted' },
    ]);
    expect([ann.closeCode, bob.closeCode]).toEqual([4404, 4404]);
    expect(await world.store.get('s')).toBeUndefined();
  });

  it('G5: a message that waits when the session is deleted is not stored, and does not bring it back', async () => {
    ann.say('m1');
    await world.settle();
    const gate = gateOf(gateway.log, 'append', 'after');
    ann.say('m2');
    await world.settle();
    ann.say('m3');
    await world.store.remove('s');
    await world.settle();
    gate.open();
    await world.advance(5_000);
    expect(ann.received.filter((frame) => frame['code'] === 'not_stored')).toMatchObject([{ id: 'm3' }]);
    expect(ann.closeCode).toBe(4404);
    expect(await world.store.get('s')).toBeUndefined();
  });

  it('G5: nor is one whose append failed before the session was deleted', async () => {
    ann.say('m1');
    await world.settle();
    appendsMeet('lost before', 'lost before');
    ann.say('m2');
    await world.settle();
    await world.store.remove('s');
    await world.advance(5_000);
    expect(await world.store.get('s')).toBeUndefined();
    expect(ann.received.filter((frame) => frame['code'] === 'not_stored')).toMatchObject([{ id: 'm2' }]);
  });

  it('G5: nor is one that is in flight while another client begins the session anew', async () => {
    ann.say('m1');
    await world.settle();
    const gate = gateOf(gateway.log, 'append');
    ann.say('m2');
    await world.settle();
    await world.store.remove('s');
    await world.append('s', 'x1');
    await world.settle();
    gate.open();
    await world.advance(5_000);
    expect(await world.ids('s')).toEqual(['x1']);
  });

  it('A5: a message that makes Redis fail in the middle is looked for each time, and in the end nobody can tell', async () => {
    const retries: unknown[] = [];
    gateway.log.fate = ({ request }) => {
      const bad = request?.messages.find(({ id }) => id === 'bad');
      if (!bad) return 'works';
      retries.push(bad.retry !== undefined);
      return new OutcomeUnknownError('ERR attempt to index a nil value script: 8f2c, on @user_script:5.');
    };
    ann.say('bad');
    bob.say('m2');
    await world.advance(20_000);
    expect(retries).toEqual([false, true, true]);
    const told = { code: 'not_stored', id: 'bad', message: 'nobody knows whether the message is stored' };
    expect(ann.ofType('error')).toMatchObject([told]);
    expect(await world.ids('s')).toEqual(['m2']);
  });

  it('V11: a message that the store refuses for good is not_stored, and holds up no other', async () => {
    gateway.log.fate = ({ request }) => {
      const refused = request?.messages.some(({ id }) => id === 'bad') ?? false;
      return refused ? new Error('ERR Invalid stream ID') : 'works';
    };
    ann.say('m1');
    ann.say('bad');
    bob.say('m2');
    await world.advance(20_000);
    expect(ann.ofType('error')).toMatchObject([{ code: 'not_stored', id: 'bad' }]);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    expect(bob.ofType('error')).toEqual([]);
    const appends = gateway.log.of('append').length;
    bob.say('m3');
    await world.settle();
    expect(gateway.log.of('append')).toHaveLength(appends + 1);
  });
});
