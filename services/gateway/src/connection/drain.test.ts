import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';

const DRAIN_MS = 20_000;

let world: World;
let gateway: GatewayInWorld;
/** The random numbers that the gateway draws next; after them it draws 0.5. */
let draws: number[];
beforeEach(() => {
  world = new World();
  draws = [];
  gateway = world.gateway({ DRAIN_SECONDS: '20' }, { random: () => draws.shift() ?? 0.5 });
});
afterEach(() => world.close());

/** Begins the drain. @returns an object whose `over` becomes true when the drain is over */
function drain(): { over: boolean } {
  const state = { over: false };
  void gateway.core.drain().then(() => {
    state.over = true;
  });
  return state;
}

/** Lets a client leave at the moment that its drain frame names (V8). */
function moveWhenTold(client: FakeClient): void {
  const [told] = client.ofType('drain');
  world.clock.setTimeout(() => client.leave(), Number(told?.['reconnectInMs']));
}

describe('a drain', () => {
  it('B3, V8: tells every framed member at once when to move, spread over the first 80 % of the time', async () => {
    const members: FakeClient[] = [];
    for (let i = 0; i < 50; i++) members.push(await gateway.connect(`s${i % 3}`));
    draws = members.map((_, index) => index / 50);
    drain();
    const moves = members.map((member) => member.ofType('drain')[0]);
    for (const move of moves) expect(move).toMatchObject({ deadlineMs: DRAIN_MS });
    expect(moves.map((move) => Number(move?.['reconnectInMs']))).toEqual(
      members.map((_, index) => (index * DRAIN_MS * 0.8) / 50),
    );
    expect(members.every((member) => member.closeCode === undefined)).toBe(true);
  });

  it('B3: is over as soon as the last member has moved', async () => {
    const members = [await gateway.connect('s'), await gateway.connect('s')];
    draws = [0.25, 0.5];
    const state = drain();
    for (const member of members) moveWhenTold(member);
    await world.advance(DRAIN_MS * 0.4 - 1);
    expect(state.over).toBe(false);
    await world.advance(1);
    expect(state.over).toBe(true);
    expect(members.map((member) => member.closeCode)).toEqual([undefined, undefined]);
  });

  it('B3: messages are delivered while it goes on', async () => {
    const [one, two] = [await gateway.connect('s'), await gateway.connect('s')];
    drain();
    one.say('a');
    await world.settle();
    expect(two.contents).toEqual(['a']);
  });

  it('P4: says bye with the count of the session to plain members over the same window, then closes 1001', async () => {
    const stored = await gateway.connect('stored', { plain: true });
    const unstored = await gateway.connect('unstored', { plain: true, persistent: false });
    for (const text of ['a', 'b', 'c']) stored.send(text);
    unstored.send('a');
    await world.settle();
    draws = [0.25, 0.75];
    drain();
    await world.advance(DRAIN_MS * 0.2 - 1);
    expect(stored.closeCode).toBeUndefined();
    await world.advance(1);
    expect(stored.received.at(-1)).toEqual({ bye: true, total: 3, message: expect.any(String) });
    expect([stored.closeCode, unstored.closeCode]).toEqual([1001, undefined]);
    await world.advance(DRAIN_MS * 0.4);
    expect(unstored.received.at(-1)).toEqual({ bye: true, total: 1, message: expect.any(String) });
    expect(unstored.closeCode).toBe(1001);
  });

  it('B3: closes members that are left at the deadline with 1012', async () => {
    const stays = await gateway.connect('s');
    const state = drain();
    await world.advance(DRAIN_MS - 1);
    expect([stays.closeCode, state.over]).toEqual([undefined, false]);
    await world.advance(1);
    expect([stays.closeCode, state.over]).toEqual([1012, true]);
  });

  it('B3: a second call closes the members that are left at once', async () => {
    const [framed, plain] = [await gateway.connect('s'), await gateway.connect('s', { plain: true })];
    const state = drain();
    await gateway.core.drain();
    expect([framed.closeCode, plain.closeCode]).toEqual([1012, 1001]);
    expect(plain.received.at(-1)).toMatchObject({ bye: true });
    expect(state.over).toBe(true);
    await gateway.core.drain();
  });

  it('is over at once when there are no members, and leaves no timer', async () => {
    // The gateway has read the operator's orders once.
    await world.settle();
    const before = world.clock.pending;
    expect(drain()).toEqual({ over: false });
    await world.settle();
    expect(world.clock.pending).toBe(before);
    await gateway.core.drain();
  });

  it('leaves no timer when all members have gone before their moment', async () => {
    // The gateway has read the operator's orders once.
    await world.settle();
    const before = world.clock.pending;
    const members = [await gateway.connect('s', { plain: true }), await gateway.connect('s')];
    const state = drain();
    for (const member of members) member.leave();
    await world.settle();
    expect([world.clock.pending, state.over]).toEqual([before, true]);
  });

  it('C4: refuses new connects with 503 and Retry-After, and is not ready', async () => {
    expect(gateway.core.readiness()).toMatchObject({ ready: true, draining: false });
    await gateway.connect('s');
    drain();
    expect(gateway.core.readiness()).toMatchObject({ ready: false, draining: true, connections: 1 });
    expect(gateway.accept({ query: 'session=s' })).toMatchObject({
      status: 503,
      retryAfterSeconds: expect.any(Number),
    });
  });
});
