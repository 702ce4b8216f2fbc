import { describe, expect, it } from 'vitest';
import { backoffDelay } from './backoff.js';

const settings = (random: number) => ({ backoffBaseMs: 1_000, backoffMaxMs: 30_000, random: () => random });

describe('backoffDelay', () => {
  it('B5: draws from all of 0 to the exponential bound (full jitter)', () => {
    expect([0, 0.25, 0.999].map((random) => backoffDelay(3, settings(random)))).toEqual([0, 2_000, 7_992]);
  });

  it('B5: draws the jitter after the cap, so that clients at the cap spread over the whole of it', () => {
    const delays = [0, 0.5, 0.9].map((random) => backoffDelay(20, settings(random)));
    expect(delays).toEqual([0, 15_000, 27_000]);
  });

  it('stays finite after any number of failures', () => {
    expect(backoffDelay(100_000, settings(0.5))).toBe(15_000);
  });
});
