import { describe, expect, it } from 'vitest';
import { RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  it('lets its burst pass at once, then tells how long the next one has to wait', () => {
    const limit = new RateLimit(10, 3, 0);
    expect([limit.take(0), limit.take(0), limit.take(0)]).toEqual([0, 0, 0]);
    expect(limit.take(0)).toBe(100);
    expect(limit.take(40)).toBe(60);
    expect(limit.take(100)).toBe(0);
    expect(limit.take(100)).toBe(100);
  });

  it('lets the steady rate pass, however long that goes on', () => {
    const limit = new RateLimit(100, 200, 5_000);
    let taken = 0;
    for (let ms = 5_000; ms < 15_000; ms++) if (limit.take(ms) === 0) taken += 1;
    expect(taken).toBeGreaterThanOrEqual(200 + 998);
    expect(taken).toBeLessThanOrEqual(200 + 1_000);
  });

  it('saves up no more than its burst', () => {
    const limit = new RateLimit(10, 2, 0);
    expect([limit.take(3_600_000), limit.take(3_600_000)]).toEqual([0, 0]);
    expect(limit.take(3_600_000)).toBeGreaterThan(0);
  });

  it('limits nothing at a rate of 0', () => {
    const limit = new RateLimit(0, 0, 0);
    for (let i = 0; i < 1_000; i++) expect(limit.take(0)).toBe(0);
  });
});
