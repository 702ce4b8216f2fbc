import { describe, expect, it } from 'vitest';
import { RecentMap } from './recent-map.js';

describe('a map of what was set lately', () => {
  it('keeps an entry for its time after it was set last, and no longer', () => {
    const map = new RecentMap<number>({ keepMs: 1_000, most: 10 });
    map.set('a', 1, 0);
    map.set('b', 2, 0);
    map.set('a', 3, 900);
    expect([map.get('a', 1_899), map.get('b', 999), map.get('b', 1_000)]).toEqual([3, 2, undefined]);
    expect([...map.entries(1_000)]).toEqual([['a', 3]]);
    expect(map.get('a', 1_900)).toBeUndefined();
  });

  it('gives the memory back of what is over', () => {
    const map = new RecentMap<number>({ keepMs: 1_000, most: 10 });
    for (let n = 0; n < 5; n++) map.set(`key ${n}`, n, n * 100);
    for (let nowMs = 500; nowMs < 3_000; nowMs += 100) map.forgetOld(nowMs);
    expect(map.size).toBe(0);
  });

  it('S3, G5: keeps the keys that were set last, and at most twice as many as it has to', () => {
    const map = new RecentMap<number>({ keepMs: 1_000_000, most: 100 });
    let largest = 0;
    let missing = 0;
    for (let n = 0; n < 1_000; n++) {
      map.set(`key ${n}`, n, n);
      map.set('in use', n, n);
      largest = Math.max(largest, map.size);
      // Of the hundred keys that were set last, one is in use.
      for (let back = 0; back < Math.min(n, 99); back++) if (map.get(`key ${n - back}`, n) !== n - back) missing += 1;
    }
    expect([missing, map.get('in use', 1_000), map.get('key 0', 1_000)]).toEqual([0, 999, undefined]);
    expect(largest).toBeLessThanOrEqual(200);
  });
});
