import { describe, expect, it } from 'vitest';
import { HandshakeTurns } from './handshake-turns.js';

/** Handshakes that take a millisecond each. */
function setUp() {
  const world = { nowMs: 0, bytes: 0, done: [] as number[] };
  const turns = new HandshakeTurns(
    () => world.bytes,
    () => world.nowMs,
  );
  const take = (number: number): boolean =>
    turns.take(() => {
      world.nowMs += 1;
      world.done.push(number);
    });
  return { world, take };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('handshakes that come at once', () => {
  it('B5: take a few milliseconds of each turn, in their order; what comes meanwhile follows them', async () => {
    const { world, take } = setUp();
    expect(upTo(18).map(take).filter(Boolean)).toHaveLength(5);
    expect(world.done).toEqual(upTo(5));
    const seen: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      await nextTurn();
      if (turn === 0) expect(take(18)).toBe(false);
      seen.push(world.done.length);
    }
    expect(seen).toEqual([10, 15, 19, 19]);
    expect(world.done).toEqual(upTo(19));
    expect(take(19)).toBe(true);
  });

  it('B5: take less where sockets were read for many bytes, and one in each turn at least', async () => {
    const { world, take } = setUp();
    world.bytes = 16_777_216;
    expect(upTo(4).map(take)).toEqual([true, false, false, false]);
    await nextTurn();
    expect(world.done).toEqual([0, 1]);
    world.bytes = 0;
    await nextTurn();
    expect(world.done).toEqual(upTo(4));
  });
});
