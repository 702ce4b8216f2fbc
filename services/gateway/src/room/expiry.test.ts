import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayInWorld, World } from '../../test/support/world.js';

let world: World;
let gateway: GatewayInWorld;
beforeEach(() => {
  world = new World({ ttl: 100 });
  gateway = world.gateway();
});
afterEach(() => world.close());

const EXPIRED = { type: 'session', event: 'expired' };

/** Counts what the expiry asks from now on; a quiet room looks for lost messages besides (F4), from its position on. */
function questions(): () => number {
  let count = 0;
  const read = gateway.log.log.read.bind(gateway.log.log);
  gateway.log.log.read = (id, range) => {
    if ('newest' in range) count += 1;
    return read(id, range);
  };
  return () => count;
}

describe('the expiry of a live session', () => {
  it('T2: is announced once, when a tenth of the ttl remains', async () => {
    const member = await gateway.connect('s');
    await world.advance(89_000);
    expect(member.ofType('session')).toEqual([]);
    await world.advance(2_000);
    expect(member.ofType('session')).toMatchObject([{ event: 'expiring' }]);
    const remaining = Number(member.ofType('session')[0]?.['remainingTtl']);
    expect(remaining).toBeGreaterThanOrEqual(9);
    expect(remaining).toBeLessThanOrEqual(10);
    await world.advance(7_000);
    expect(member.ofType('session')).toHaveLength(1);
  });

  it('T2: is announced a minute before at most', async () => {
    await world.close();
    world = new World({ ttl: 1_000 });
    const member = await world.gateway().connect('s');
    await world.advance(938_000);
    expect(member.ofType('session')).toEqual([]);
    await world.advance(4_000);
    const remaining = Number(member.ofType('session')[0]?.['remainingTtl']);
    expect(remaining).toBeGreaterThan(56);
    expect(remaining).toBeLessThanOrEqual(60);
  });

  it('T2: is told within 2 s, once, and plain members hear nothing of it', async () => {
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    await world.advance(99_999);
    const before = framed.ofType('session').filter((frame) => frame['event'] === 'expired');
    await world.advance(2_001);
    const expired = framed.ofType('session').filter((frame) => frame['event'] === 'expired');
    expect([before.length, expired.length]).toEqual([0, 1]);
    await world.advance(60_000);
    expect(framed.received.at(-1)?.['type']).toBe('heartbeat');
    expect(framed.ofType('session')).toHaveLength(2);
    expect(plain.ofType('session')).toEqual([]);
    expect([framed.closeCode, plain.closeCode]).toEqual([undefined, undefined]);
  });

  it('T2: the next message starts a new epoch at 1, which every member gets', async () => {
    const [one, two] = [await gateway.connect('s'), await world.gateway().connect('s')];
    one.say('a');
    one.say('b');
    await world.settle();
    const epoch = await world.epochOf('s');
    await world.advance(102_000);
    expect(one.ofType('session').at(-1)).toEqual(EXPIRED);
    expect(two.ofType('session').at(-1)).toEqual(EXPIRED);
    one.say('c');
    await world.settle();
    expect(one.seqs).toEqual([1, 2, 1]);
    expect(two.seqs).toEqual([1, 2, 1]);
    expect(await world.epochOf('s')).not.toBe(epoch);
  });

  it('T1: is put off by a message; T2: and announced again after that', async () => {
    const member = await gateway.connect('s');
    await world.advance(92_000);
    member.say('a');
    await world.advance(89_000);
    expect(member.ofType('session').map((frame) => frame['event'])).toEqual(['expiring']);
    await world.advance(5_000);
    expect(member.ofType('session').map((frame) => frame['event'])).toEqual(['expiring', 'expiring']);
  });

  it('T2: is not told when another gateway has refreshed it meanwhile: Redis is asked first', async () => {
    const [here, there] = [await gateway.connect('s'), await world.gateway().connect('s')];
    await world.advance(50_000);
    gateway.fanOut.hear = () => false;
    there.say('a');
    await world.advance(51_000);
    expect(here.ofType('session')).toEqual([]);
  });

  it('T2: silence and reading do not put it off', async () => {
    const member = await gateway.connect('s');
    await world.advance(50_000);
    await world.store.get('s');
    member.send({ type: 'ping' });
    await world.advance(52_000);
    expect(member.ofType('session').at(-1)).toEqual(EXPIRED);
  });

  it('V7: extended is told with the new ttl, and holds', async () => {
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    await world.store.extend('s', 500);
    await world.settle();
    expect(framed.ofType('session')).toEqual([{ type: 'session', event: 'extended', ttl: 500 }]);
    expect(plain.received).toEqual([]);
    await world.advance(400_000);
    expect(framed.ofType('session')).toHaveLength(1);
    const late = await gateway.connect('s');
    expect(late.welcome).toMatchObject({ ttl: 500, remainingTtl: 500 });
  });

  it('T2: is not told while Redis does not answer, but when it does again', async () => {
    const member = await gateway.connect('s');
    gateway.log.fate = () => 'lost before';
    await world.advance(110_000);
    expect(member.ofType('session')).toEqual([]);
    gateway.log.fate = () => 'works';
    await world.advance(2_000);
    expect(member.ofType('session')).toEqual([EXPIRED]);
  });

  it('T2: a session that was begun anew elsewhere before its end was noticed here is expired, then delivered from 1', async () => {
    const here = await gateway.connect('s');
    here.say('old');
    await world.settle();
    gateway.log.fate = () => 'lost before';
    await world.advance(100_000);
    await world.append('s', 'new');
    gateway.log.fate = () => 'works';
    await world.advance(2_000);
    expect(here.received.filter((frame) => frame['type'] !== 'heartbeat').slice(-2)).toMatchObject([
      EXPIRED,
      { type: 'message', seq: 1, id: 'new' },
    ]);
  });

  it('W1: a session whose key has lost its expiry is neither announced nor told over and over', async () => {
    const member = await gateway.connect('s');
    const read = gateway.log.log.read.bind(gateway.log.log);
    gateway.log.log.read = async (id, range) => {
      const { session, ...rest } = await read(id, range);
      return session ? { session: { ...session, remainingMs: -1 }, ...rest } : rest;
    };
    const asked = questions();
    await world.advance(99_500);
    expect(member.ofType('session')).toEqual([]);
    expect(asked()).toBeLessThan(5);
  });

  it('costs Redis nothing before it is near', async () => {
    await gateway.connect('s');
    const asked = questions();
    await world.advance(89_000);
    expect(asked()).toBe(0);
  });
});
