import { expect, it } from 'vitest';
import { growthFigures, type MemorySample } from './growth.js';

const MB = 1_048_576;
const sample = (atSeconds: number, megabytes: number): MemorySample => ({
  atSeconds,
  heap: megabytes * MB,
  resident: megabytes * 2 * MB,
  connections: 100,
  rooms: 20,
});

const growthOf = (samples: readonly MemorySample[]) =>
  Object.fromEntries(growthFigures(sample(0, 10), samples, sample(9_999, 12)).map(({ name, value }) => [name, value]));

it('compares the first third with the last, once rooms have begun to go', () => {
  const filling = [sample(20, 11), sample(100, 15)];
  const steady = Array.from({ length: 9 }, (_, index) => sample(600 + index * 60, index < 3 ? 20 : 30));
  expect(growthOf([...filling, ...steady])).toMatchObject({
    'heap, at the beginning': 20,
    'heap, end to beginning': 1.5,
    'resident, at the end': 60,
    'heap, when all had gone': 12,
    'heap a connection, at the beginning': 102.4,
    'heap a session, at the end': 1_024,
  });
});

it('compares what there is where there is little', () => {
  expect(growthOf([sample(1, 20), sample(2, 20)])['heap, end to beginning']).toBe(1);
});
