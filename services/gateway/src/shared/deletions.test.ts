import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../test/support/held-clock.js';
import { Deletions } from './deletions.js';

describe('the deletions a gateway was told of', () => {
  it('G5: are remembered as long as an old copy could live, and then no more', async () => {
    const clock = new HeldClock();
    const deletions = new Deletions(clock, 60_000);
    deletions.note('a', 'epoch-1');
    await clock.advance(40_000);
    deletions.note('b', 'epoch-2');
    deletions.note('a', 'epoch-3');
    await clock.advance(30_000);
    expect([deletions.has('a', 'epoch-4'), deletions.has('a', 'epoch-3'), deletions.has('b', 'epoch-2')]).toEqual([
      false,
      true,
      true,
    ]);
    await clock.advance(31_000);
    expect([deletions.has('a', 'epoch-3'), deletions.size]).toEqual([false, 0]);
  });
});
