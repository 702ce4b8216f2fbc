import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { Deletions } from './deletions.js';

describe('the deletions that a gateway knows of', () => {
  it('G5: are remembered for their time, and forgotten after it', async () => {
    const clock = new ManualClock();
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
    expect([deletions.has('a', 'epoch-3'), deletions.noted()]).toEqual([false, []]);
    await clock.advance(60_000);
    expect([deletions.has('a', 'epoch-3'), deletions.size]).toEqual([false, 0]);
  });

  it('G5: of very many the newest are remembered', () => {
    const deletions = new Deletions(new ManualClock(), 60_000, 1_000);
    for (let n = 0; n < 10_000; n++) deletions.note(`session ${n}`, 'epoch-1');
    expect(deletions.size).toBeLessThanOrEqual(2_000);
    expect([deletions.has('session 9001', 'epoch-1'), deletions.has('session 1', 'epoch-1')]).toEqual([true, false]);
  });
});
