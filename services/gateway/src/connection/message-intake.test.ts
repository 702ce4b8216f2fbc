import { describe, expect, it } from 'vitest';
import { UnstoredCounts } from './message-intake.js';

describe('counts of sessions without persistence', () => {
  it('P2, S3: count each session on its own, from 1', () => {
    const counts = new UnstoredCounts(1_000);
    expect([counts.next('a', 0), counts.next('a', 0), counts.next('b', 0)]).toEqual([1, 2, 1]);
    expect([counts.of('a'), counts.of('b'), counts.of('c')]).toEqual([2, 1, 0]);
  });

  it('S3: are kept for the session ttl after the last message, and no longer', () => {
    const counts = new UnstoredCounts(1_000);
    counts.next('a', 0);
    counts.next('a', 900);
    counts.next('b', 0);
    counts.sweep(1_899);
    expect([counts.of('a'), counts.of('b')]).toEqual([2, 0]);
    counts.sweep(1_900);
    expect(counts.of('a')).toBe(0);
    expect(counts.next('a', 2_000)).toBe(1);
  });
});
