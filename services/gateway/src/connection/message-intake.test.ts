import { describe, expect, it } from 'vitest';
import { UnstoredCounts } from './message-intake.js';

describe('counts of sessions without persistence', () => {
  it('P2, S3: count each session on its own, from 1', () => {
    const counts = new UnstoredCounts(1_000);
    expect([counts.next('a', 0), counts.next('a', 0), counts.next('b', 0)]).toEqual([1, 2, 1]);
    expect([counts.of('a', 0), counts.of('b', 0), counts.of('c', 0)]).toEqual([2, 1, 0]);
  });

  it('S3: are kept for the session ttl after the last message, and no longer', () => {
    const counts = new UnstoredCounts(1_000);
    counts.next('a', 0);
    counts.next('a', 900);
    counts.next('b', 0);
    expect([counts.of('a', 1_899), counts.of('b', 1_899)]).toEqual([2, 0]);
    expect(counts.of('a', 1_900)).toBe(0);
    expect(counts.next('a', 2_000)).toBe(1);
  });

  it('S3: of very many sessions within the ttl only the newest are kept, and those in use are', () => {
    const counts = new UnstoredCounts(3_600_000, 1_000);
    let inUse = 0;
    for (let n = 0; n < 10_000; n++) {
      counts.next(`session ${n}`, n);
      if (n % 100 === 0) inUse = counts.next('in use', n);
    }
    expect(counts.size).toBeLessThanOrEqual(2_000);
    expect([inUse, counts.of('in use', 10_000)]).toEqual([100, 100]);
    expect([counts.of('session 9001', 10_000), counts.of('session 1', 10_000)]).toEqual([1, 0]);
    counts.sweep(5_000_000);
    counts.sweep(9_000_000);
    expect(counts.size).toBe(0);
  });
});
