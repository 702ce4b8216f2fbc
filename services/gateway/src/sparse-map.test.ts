import { expect, it } from 'vitest';
import { SparseMap } from './sparse-map.js';

it('is a map, empty or not', () => {
  const map = new SparseMap<string, number>();
  const told = (): unknown => [map.size, map.get('a'), map.has('a'), [...map.keys()], [...map]];
  const empty = [0, undefined, false, [], []];
  expect(told()).toEqual(empty);
  expect(map.delete('a')).toBe(false);
  map.set('a', 1);
  map.set('b', 2);
  expect(told()).toEqual([
    2,
    1,
    true,
    ['a', 'b'],
    [
      ['a', 1],
      ['b', 2],
    ],
  ]);
  expect([map.delete('a'), map.delete('b')]).toEqual([true, true]);
  expect(told()).toEqual(empty);
});

it('may lose what has been seen while it is gone through', () => {
  const map = new SparseMap<string, number>();
  for (const key of ['a', 'b', 'c']) map.set(key, 1);
  const seen: string[] = [];
  for (const [key] of map) {
    seen.push(key);
    map.delete(key);
  }
  expect([seen, map.size]).toEqual([['a', 'b', 'c'], 0]);
});
