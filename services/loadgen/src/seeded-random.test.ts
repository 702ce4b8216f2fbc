import { expect, it } from 'vitest';
import { drawSeed, SeededRandom } from './seeded-random.js';

it('repeats itself by its seed', () => {
  const draw = (random: SeededRandom) => Array.from({ length: 20 }, () => random.next());
  expect(draw(new SeededRandom(7))).toEqual(draw(new SeededRandom(7)));
  expect(draw(new SeededRandom(7))).not.toEqual(draw(new SeededRandom(8)));
  expect(draw(new SeededRandom(7).fork(1))).toEqual(draw(new SeededRandom(7).fork(1)));
  expect(draw(new SeededRandom(7).fork(1))).not.toEqual(draw(new SeededRandom(7).fork(2)));
});

it('draws evenly', () => {
  const random = new SeededRandom(1);
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < 50_000; i++) {
    const place = random.below(5);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

it('picks one of what there is', () => {
  expect(['a', 'b']).toContain(new SeededRandom(3).pick(['a', 'b']));
  expect(() => new SeededRandom(3).pick([])).toThrow(RangeError);
});

it('draws seeds that it takes', () => {
  const seed = drawSeed();
  expect(new SeededRandom(seed).seed).toBe(seed);
});
