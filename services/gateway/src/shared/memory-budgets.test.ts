import { drawSeed, runs, SeededRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from './memory-budgets.js';

const SEEDS = Array.from({ length: runs(20) }, () => drawSeed());

/** Takes as many portions for a session as there is room for. @returns the bytes taken */
function fill(budget: ByteBudget, session: string, portion = 1): number {
  let taken = 0;
  while (budget.take(session, portion)) taken += portion;
  return taken;
}

describe('the outage buffer', () => {
  it('D2: gives a session as much as it leaves for all others', () => {
    const budget = new ByteBudget(1_200);
    expect(fill(budget, 'one')).toBe(600);
    expect(fill(budget, 'two')).toBe(300);
    budget.give('one', 600);
    expect(fill(budget, 'two')).toBe(300);
    expect(fill(budget, 'one')).toBe(300);
    expect(budget.used).toBe(900);
  });

  it('D2: gives sessions that fill it at one pace the same', () => {
    const budget = new ByteBudget(12_000);
    const sessions = ['one', 'two', 'three'];
    for (let round = 0; round < 12_000; round++) for (const session of sessions) budget.take(session, 1);
    for (const session of sessions) budget.give(session, 2_999);
    expect(budget.used).toBeLessThanOrEqual(6);
  });

  it('D2: has room for one message of a session that holds none, as large as all of it', () => {
    const budget = new ByteBudget(1_000);
    expect(budget.take('one', 1_000)).toBe(true);
    expect([budget.take('two', 1), budget.take('one', 1)]).toEqual([false, false]);
    budget.give('one', 1_000);
    expect([budget.take('two', 1_001), budget.take('two', 999), budget.take('two', 1)]).toEqual([false, true, false]);
  });

  it.each(SEEDS)('D2: never passes its limit, and refuses nobody who holds less than is free (seed %i)', (seed) => {
    const random = new SeededRandom(seed);
    const budget = new ByteBudget(100_000);
    const held = new Map(Array.from({ length: random.int(1, 12) }, (_, index) => [`s${index}`, [] as number[]]));
    for (let step = 0; step < 2_000; step++) {
      const [session, messages] = random.pick([...held]);
      if (random.chance(0.4)) {
        const freed = messages.splice(0, random.int(1, 3));
        budget.give(
          session,
          freed.reduce((sum, each) => sum + each, 0),
        );
      } else {
        const bytes = random.int(1, random.pick([100, 5_000, 60_000]));
        const own = messages.reduce((sum, each) => sum + each, 0);
        const free = budget.limit - budget.used - bytes;
        const isTaken = budget.take(session, bytes);
        expect(isTaken).toBe(messages.length === 0 ? free >= 0 : own + bytes <= free);
        if (isTaken) messages.push(bytes);
      }
      const used = [...held.values()].flat().reduce((sum, each) => sum + each, 0);
      expect(budget.used).toBe(used);
      expect(used).toBeLessThanOrEqual(budget.limit);
    }
  });
});
