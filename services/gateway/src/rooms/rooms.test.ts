import { liveChannel } from '@holdfast/session-store';
import { settlePromises } from '@holdfast/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gateOf } from '../../test/support/gate.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';

const LIVE = liveChannel('s');

let world: World;
let gateway: GatewayInWorld;
beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

function withoutRedis({ fanOut }: GatewayInWorld): void {
  fanOut.beforeSubscribe = () => Promise.reject(new Error('Connection is closed.'));
}

const subscribed = (): string[] => [...gateway.fanOut.subscribed];
const disconnectedAt = async (): Promise<number | undefined> => (await world.store.get('s'))?.disconnectedAt;
const rooms = (): number => gateway.metrics.gateway.gauges.rooms;

describe('the rooms of a gateway', () => {
  it('F1: a session is subscribed once, while it has members here', async () => {
    const members = [await gateway.connect('s'), await gateway.connect('s', { plain: true, persistent: false })];
    expect(subscribed()).toEqual([LIVE]);
    members[0]?.leave();
    await world.settle();
    expect(subscribed()).toEqual([LIVE]);
    members[1]?.leave();
    await world.settle();
    expect(subscribed()).toEqual([]);
  });

  it('F7: is subscribed before it is read, and read before anyone is welcomed', async () => {
    const gate = gateOf(gateway.log, 'open');
    const member = await gateway.connect('s');
    expect([subscribed(), gate.waiting, member.received.length]).toEqual([[LIVE], 1, 0]);
    await world.append('s', 'm1');
    gate.open();
    await world.settle();
    expect(member.welcome).toMatchObject({ seq: 1, firstSeq: 1 });
    expect(member.seqs).toEqual([]);
  });

  it('F5: outlives its last member by a minute, then goes with its tail', async () => {
    const member = await gateway.connect('s');
    member.say('m1');
    await world.settle();
    member.leave();
    await world.advance(58_000);
    expect(rooms()).toBe(1);
    expect(gateway.metrics.gateway.gauges.tailBytes).toBeGreaterThan(0);
    await world.advance(4_000);
    expect([rooms(), gateway.metrics.gateway.gauges.tailBytes]).toEqual([0, 0]);
  });

  it('F1: a room without members hears nothing, and catches up when the next one comes', async () => {
    const first = await gateway.connect('s');
    first.say('m1');
    await world.settle();
    first.leave();
    await world.settle();
    await world.append('s', 'm2', 'm3');
    const second = await gateway.connect('s');
    expect(second.welcome).toMatchObject({ seq: 3 });
    second.say('m4');
    await world.settle();
    expect(second.seqs).toEqual([4]);
  });

  it('K1: the time is noted when the last member anywhere has left, and forgotten when one comes', async () => {
    const other = world.gateway();
    const [here, there] = [await gateway.connect('s'), await other.connect('s')];
    here.leave();
    await world.settle();
    expect(await disconnectedAt()).toBeUndefined();
    there.leave();
    await world.settle();
    expect(await disconnectedAt()).toBe(world.clock.now() / 1000);
    await gateway.connect('s');
    expect(await disconnectedAt()).toBeUndefined();
  });

  it('K1: when all members leave at once it is noted once', async () => {
    const members = [await gateway.connect('s'), await gateway.connect('s'), await gateway.connect('s')];
    for (const member of members) member.leave();
    await world.settle();
    expect(gateway.log.of('leave')).toHaveLength(1);
    expect(await disconnectedAt()).toBeGreaterThan(0);
  });

  it('K1: a member that leaves while it joins is noted to have left', async () => {
    const gate = gateOf(gateway.log, 'open', 'after');
    const member = await gateway.connect('s');
    member.leave();
    await settlePromises();
    gate.open();
    await world.settle();
    expect(await disconnectedAt()).toBeGreaterThan(0);
    expect(subscribed()).toEqual([]);
  });

  it('T1: connecting and leaving refresh the expiry', async () => {
    const [one, two] = [await gateway.connect('s'), await gateway.connect('s')];
    await world.advance(1_000_000);
    expect((await world.store.get('s'))?.remainingMs).toBe(2_600_000);
    const three = await gateway.connect('s');
    expect((await world.store.get('s'))?.remainingMs).toBe(3_600_000);
    await world.advance(1_000_000);
    three.leave();
    await world.settle();
    expect((await world.store.get('s'))?.remainingMs).toBe(3_600_000);
    expect([one.closeCode, two.closeCode]).toEqual([undefined, undefined]);
  });

  it('any order of coming and going leaves it subscribed exactly while there are members', async () => {
    for (let round = 0; round < 5; round++) {
      const first = gateway.dial('s');
      first.leave();
      const second = gateway.dial('s');
      await settlePromises();
      second.leave();
      const third = await gateway.connect('s');
      expect([third.welcome['type'], subscribed()]).toEqual(['welcome', [LIVE]]);
      third.say(`m${round}`);
      await world.settle();
      expect(third.contents).toEqual([`m${round}`]);
      third.leave();
      await world.settle();
      expect(subscribed()).toEqual([]);
    }
  });
});

describe('joining while Redis fails', () => {
  it('D1: is welcomed in memory when the session cannot be subscribed or opened, and stored when it can', async () => {
    gateway.fanOut.beforeSubscribe = () => Promise.reject(new Error('Connection is closed.'));
    const one = gateway.dial('s');
    await world.advance(2_000);
    expect(one.welcome).toMatchObject({ storage: 'memory', epoch: '', seq: 0, recovered: false });
    gateway.fanOut.beforeSubscribe = () => undefined;
    gateway.log.fate = () => 'lost before';
    const two = gateway.dial('t');
    await world.advance(2_000);
    expect(two.welcome).toMatchObject({ storage: 'memory' });
    two.say('m1');
    gateway.log.fate = () => 'works';
    await world.advance(3_000);
    expect(two.ofType('message')).toMatchObject([{ pending: true }, { seq: 1, id: 'm1' }]);
    one.say('m1');
    await world.settle();
    expect(one.seqs).toEqual([1]);
    expect([one, two].map((member) => member.ofType('status').at(-1))).toMatchObject([
      { storage: 'redis' },
      { storage: 'redis' },
    ]);
  });

  it('F1: a subscription that fails late does not take away the one that was made after it', async () => {
    let fail = (_error: Error): void => undefined;
    gateway.fanOut.beforeSubscribe = () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      });
    const early = await gateway.connect('s');
    early.leave();
    await world.settle();
    const second = gateway.dial('s');
    await settlePromises();
    gateway.fanOut.beforeSubscribe = () => undefined;
    fail(new Error('timed out'));
    await world.settle();
    const third = await gateway.connect('s');
    expect([second.closeCode, third.closeCode]).toEqual([undefined, undefined]);
    for (const member of [second, third]) member.leave();
    await world.settle();
    expect(subscribed()).toEqual([]);
    expect((await gateway.connect('s')).welcome['type']).toBe('welcome');
  });

  it('F1: a room that is given up while it syncs is unsubscribed, and can be entered again', async () => {
    const first = await gateway.connect('s');
    first.leave();
    await world.settle();
    gateway.log.fate = ({ method }) => (method === 'read' ? 'lost before' : 'works');
    const second = await gateway.connect('s');
    second.leave();
    await world.advance(62_000);
    expect(rooms()).toBe(0);
    expect(subscribed()).toEqual([]);
    gateway.log.fate = () => 'works';
    const third = await gateway.connect('s');
    expect(third.closeCode).toBeUndefined();
    expect(third.welcome).toMatchObject({ seq: 0 });
  });
});

describe('joining while the session changes', () => {
  it('C5, G5: a session that is deleted between being opened and the welcome is opened anew', async () => {
    gateway.log.answered = async ({ method }) => {
      if (method !== 'open') return;
      gateway.log.answered = () => undefined;
      await world.store.remove('s');
    };
    const member = await gateway.connect('s');
    expect(member.welcome).toMatchObject({ epoch: await world.epochOf('s'), seq: 0 });
    member.say('m1');
    await world.settle();
    expect(member.seqs).toEqual([1]);
  });

  it('R2: a position that stops being true while it is compared is not recovered', async () => {
    await world.append('s', 'm1', 'm2', 'm3');
    const epoch = await world.epochOf('s');
    // Without a tail the id at the position is read from the log, after the room's own first read.
    const forgetful = world.gateway({ TAIL_BYTES: '0' });
    forgetful.log.answered = async ({ method }) => {
      if (method !== 'read' || forgetful.log.of('read').length !== 2) return;
      await world.store.remove('s');
      await world.append('s', 'new');
    };
    const member = await forgetful.connect('s', { resume: { lastSeq: 2, lastId: 'm2', epoch } });
    expect(member.welcome).toMatchObject({ epoch: await world.epochOf('s'), recovered: false });
    expect(member.ofType('message').map((frame) => frame['id'])).toEqual(['new']);
  });

  it('G5: a resume that names a deleted epoch is closed 4404', async () => {
    const first = await gateway.connect('s');
    const epoch = await world.epochOf('s');
    await world.store.remove('s');
    await world.settle();
    expect(first.closeCode).toBe(4404);
    const late = await gateway.connect('s', { resume: { lastSeq: 0, epoch } });
    expect([late.closeCode, late.received]).toEqual([4404, []]);
    expect(await world.store.get('s')).toBeUndefined();
  });
});

describe('closing a gateway', () => {
  it('stores what is on its way, notes who left, gives back its subscriptions and leaves no timer', async () => {
    const member = await gateway.connect('s');
    member.say('m1');
    await world.close();
    expect(member.closeCode).toBe(1012);
    expect(await world.ids('s')).toEqual(['m1']);
    expect(await disconnectedAt()).toBeGreaterThan(0);
    expect(subscribed()).toEqual([]);
    expect(world.broker.subscribers('holdfast:broadcast')).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it('leaves no timer either when Redis never answered', async () => {
    const failing = world.gateway({}, { prepare: withoutRedis });
    failing.log.fate = () => 'lost before';
    await failing.connect('s');
    await world.advance(10_000);
    await world.close();
    expect(world.clock.pending).toBe(0);
  });
});
