import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../../../test/support/fake-client.js';
import { gateOf } from '../../../test/support/gate.js';
import { type GatewayInWorld, World } from '../../../test/support/world.js';

const LIVE = liveChannel('s');

let world: World;
let gateway: GatewayInWorld;
let framed: FakeClient;
let plain: FakeClient;
beforeEach(async () => {
  world = new World();
  gateway = world.gateway();
  framed = await gateway.connect('s');
  plain = await gateway.connect('s', { plain: true });
});
afterEach(() => world.close());

/** Does something that this gateway does not hear of. */
async function unheard(act: () => Promise<unknown>): Promise<void> {
  gateway.fanOut.hear = (channel) => channel !== LIVE;
  await act();
  await world.settle();
  gateway.fanOut.hear = () => true;
}

async function catchUp(): Promise<void> {
  gateway.fanOut.interrupt();
  await world.settle();
}

const reads = (): number => gateway.log.of('read').length;
const since = (client: FakeClient, count: number): unknown[] => client.received.slice(count);

describe('sync', () => {
  it('F4: finds nothing new after a reconnect: nobody is told anything', async () => {
    await world.append('s', 'm1');
    await world.settle();
    const before = framed.received.length;
    await catchUp();
    expect(since(framed, before)).toEqual([]);
  });

  it('F2: delivers what is new, however much', async () => {
    const ids = Array.from({ length: 650 }, (_, index) => `m${index + 1}`);
    await unheard(() => world.append('s', ...ids));
    await catchUp();
    expect(framed.contents).toEqual(ids);
    expect(plain.contents).toEqual(ids);
  });

  it('runs one at a time; what is asked for meanwhile is one more', async () => {
    const gate = gateOf(gateway.log, 'read');
    const before = reads();
    for (let i = 0; i < 5; i++) gateway.fanOut.interrupt();
    await world.settle();
    expect(reads() - before).toBe(1);
    gate.open();
    await world.settle();
    expect(reads() - before).toBe(2);
  });

  it('is repeated with growing pauses until Redis answers', async () => {
    await unheard(() => world.append('s', 'm1'));
    gateway.log.fate = ({ method }) => (method === 'read' ? 'lost before' : 'works');
    const before = reads();
    gateway.fanOut.interrupt();
    await world.advance(60_000);
    expect(reads() - before).toBeGreaterThan(25);
    expect(reads() - before).toBeLessThan(60);
    gateway.log.fate = () => 'works';
    await world.advance(2_000);
    expect(framed.contents).toEqual(['m1']);
  });

  it('V7: what was trimmed before it could be delivered is told as a gap, once, and counted', async () => {
    await world.close();
    world = new World({ historyMax: 3 });
    gateway = world.gateway({ MESSAGE_HISTORY_MAX: '3' });
    [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    framed.say('m1');
    await world.settle();
    await unheard(() => world.append('s', 'm2', 'm3', 'm4', 'm5', 'm6'));
    await catchUp();
    expect(since(framed, 2)).toMatchObject([
      { type: 'session', event: 'gap', from: 2, to: 3 },
      { type: 'message', seq: 4 },
      { type: 'message', seq: 5 },
      { type: 'message', seq: 6 },
    ]);
    expect(plain.contents).toEqual(['m1', 'm4', 'm5', 'm6']);
    expect(gateway.counters.gaps).toBe(1);
    framed.say('m7');
    await world.settle();
    expect(framed.seqs.at(-1)).toBe(7);
  });

  it('G4: a session that is another one than was delivered: reset, its history from the start, then live', async () => {
    await world.append('s', 'm1', 'm2');
    await world.settle();
    await unheard(async () => {
      world.store.lose();
      await world.append('s', 'x1', 'x2');
    });
    await catchUp();
    const epoch = await world.epochOf('s');
    expect(since(framed, 3)).toMatchObject([
      { type: 'session', event: 'reset', epoch, from: 1 },
      { type: 'message', seq: 1, id: 'x1' },
      { type: 'message', seq: 2, id: 'x2' },
      { type: 'message', seq: 3, id: 'm1' },
      { type: 'message', seq: 4, id: 'm2' },
    ]);
    expect(plain.contents).toEqual(['m1', 'm2', 'x1', 'x2']);
    framed.say('x3');
    await world.settle();
    expect(framed.seqs.at(-1)).toBe(5);
  });

  it('G4: plain members get only what they have not had', async () => {
    await world.append('s', 'm1', 'm2');
    await world.settle();
    await unheard(async () => {
      world.store.lose();
      await world.append('s', 'm1', 'm2', 'm3');
    });
    await catchUp();
    expect(plain.contents).toEqual(['m1', 'm2', 'm3']);
    expect(framed.ofType('session')).toMatchObject([{ event: 'reset', from: 3 }]);
    expect(framed.ofType('message').slice(2)).toMatchObject([{ id: 'm3' }]);
  });

  it('G3: a session that is gone: expired, and the next message begins an epoch', async () => {
    world.clock.stall(3_600_001);
    await catchUp();
    expect(framed.ofType('session')).toEqual([{ type: 'session', event: 'expired' }]);
    await world.append('s', 'm1');
    await world.settle();
    expect([framed.seqs, plain.contents]).toEqual([[1], ['m1']]);
    expect(framed.ofType('session')).toHaveLength(1);
  });

  it('G5: a session that was deleted: deleted, 4404', async () => {
    await unheard(() => world.store.remove('s'));
    await catchUp();
    expect(framed.received.at(-1)).toEqual({ type: 'session', event: 'deleted' });
    expect([framed.closeCode, plain.closeCode]).toEqual([4404, 4404]);
  });

  it('G5: a deletion that is heard while the log is read is not undone by what was read', async () => {
    await world.append('s', 'm1');
    await world.settle();
    const gate = gateOf(gateway.log, 'read', 'after');
    gateway.fanOut.interrupt();
    await world.settle();
    await world.store.remove('s');
    await world.settle();
    gate.open();
    await world.settle();
    expect(framed.closeCode).toBe(4404);
    const late = await gateway.connect('s');
    expect(late.welcome).toMatchObject({ seq: 0, epoch: await world.epochOf('s') });
  });

  it('G2: a session whose stranger goes while it is taken in its place is healed', async () => {
    await world.append('s', 'm1');
    await world.settle();
    await unheard(async () => {
      world.store.lose();
      await world.append('s', 'x1');
      await world.store.extend('s', 1);
    });
    let count = 0;
    gateway.log.answered = async ({ method }) => {
      if (method !== 'read') return;
      count += 1;
      if (count === 1) await new Promise<void>((resolve) => world.clock.setTimeout(resolve, 1_001));
    };
    gateway.fanOut.interrupt();
    await world.advance(1_100);
    expect(framed.ofType('session')).toEqual([]);
    expect(await world.ids('s')).toEqual(['m1']);
    await world.append('s', 'y1');
    await world.settle();
    expect(framed.ofType('message').at(-1)).toMatchObject({ seq: 2, id: 'y1' });
  });

  it('A6: a log that cannot be read is tried again until a message has put it into quarantine', async () => {
    await world.append('s', 'm1');
    await world.settle();
    gateway.log.fate = ({ method }) => (method === 'read' ? new Error('the log of s cannot be read') : 'works');
    gateway.fanOut.interrupt();
    await world.advance(10_000);
    expect(framed.closeCode).toBeUndefined();
    gateway.log.fate = () => 'works';
    await world.advance(3_000);
    await world.append('s', 'm2');
    await world.settle();
    expect(framed.contents).toEqual(['m1', 'm2']);
  });
});
