import { describe, expect, it } from 'vitest';
import { announcedRandom, drawSeed, runs, SeededRandom } from './seeded-random.js';

const draw = (random: SeededRandom, count: number) => Array.from({ length: count }, random.next);

describe('SeededRandom', () => {
  it('repeats a seed exactly', () => {
    expect(draw(new SeededRandom(7), 100)).toEqual(draw(new SeededRandom(7), 100));
    expect(draw(new SeededRandom(7), 100)).not.toEqual(draw(new SeededRandom(8), 100));
  });

  it('draws evenly from 0 inclusive to 1 exclusive', () => {
    const buckets = new Array<number>(10).fill(0);
    for (const value of draw(new SeededRandom(1), 100_000)) {
      const bucket = Math.floor(value * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(buckets).toHaveLength(10);
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('includes both ends of an int', () => {
    const random = new SeededRandom(3);
    const seen = new Set(Array.from({ length: 200 }, () => random.int(2, 4)));
    expect([...seen].sort()).toEqual([2, 3, 4]);
  });

  it('shuffles without losing or adding anything', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = new SeededRandom(5).shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
  });

  it('forks by label without drawing from its parent', () => {
    const parent = new SeededRandom(9);
    const forked = parent.fork('links');
    expect(draw(forked, 5)).toEqual(draw(new SeededRandom(9).fork('links'), 5));
    expect(draw(parent.fork('faults'), 5)).not.toEqual(draw(new SeededRandom(9).fork('links'), 5));
    expect(draw(parent, 5)).toEqual(draw(new SeededRandom(9), 5));
  });

  it('picks one of the items, and refuses to pick from none', () => {
    expect(['a', 'b']).toContain(new SeededRandom(1).pick(['a', 'b']));
    expect(() => new SeededRandom(1).pick([])).toThrow(RangeError);
  });
});

describe('announcedRandom', () => {
  it('accepts a seed and prints how to repeat the run', () => {
    const lines: string[] = [];
    const random = announcedRandom('chaos', { HOLDFAST_SEED: '42' }, (line) => lines.push(line));
    expect(random.seed).toBe(42);
    expect(lines).toEqual(['chaos: seed 42 (repeat with HOLDFAST_SEED=42)']);
  });

  it('prints the seed it chose itself', () => {
    const lines: string[] = [];
    const random = announcedRandom('chaos', {}, (line) => lines.push(line));
    expect(lines).toEqual([`chaos: seed ${random.seed} (repeat with HOLDFAST_SEED=${random.seed})`]);
  });

  it.each(['', 'x', '1.5', '-1', '4294967296'])('names the variable when the seed is "%s"', (seed) => {
    expect(() => announcedRandom('chaos', { HOLDFAST_SEED: seed }, () => undefined)).toThrow(/HOLDFAST_SEED must be/);
  });
});

it('drawSeed draws seeds that SeededRandom takes as they are', () => {
  const seed = drawSeed();
  expect(new SeededRandom(seed).seed).toBe(seed);
});

describe('runs', () => {
  it('draws more often in the long tests', () => {
    expect([runs(100, {}), runs(100, { HOLDFAST_LONG: '1' })]).toEqual([100, 2_000]);
  });
});
