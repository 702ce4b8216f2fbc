import { describe, expect, it } from 'vitest';
import { backoffMs, MAX_BACKOFF_MS } from './backoff.js';

describe('backoffMs', () => {
  it('doubles from 50 ms and stays at its longest', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => backoffMs(attempt, () => 1));
    expect(longest).toEqual([50, 100, 200, 400, ...[5, 6, 7, 1000].map(() => MAX_BACKOFF_MS)]);
  });

  it('D2: pauses for at least half of that, so that there is no loop without delay', () => {
    expect([1, 2, 50].map((attempt) => backoffMs(attempt, () => 0))).toEqual([25, 50, MAX_BACKOFF_MS / 2]);
  });
});
