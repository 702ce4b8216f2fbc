import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchYoungGeneration } from './young-generation.js';

const flags = vi.hoisted(() => [] as string[]);
vi.mock('node:v8', () => ({ setFlagsFromString: (flag: string) => flags.push(flag) }));

const SMALL = '--semi-space-growth-factor=1';
const LARGE = '--semi-space-growth-factor=1024';

beforeEach(() => {
  flags.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it('lets the young generation grow while 500 messages a second come, and not before or after', () => {
  let messages = 0;
  const second = (count: number): void => {
    messages += count;
    vi.advanceTimersByTime(1_000);
  };
  const stop = watchYoungGeneration(() => messages);
  second(499);
  expect(flags).toEqual([SMALL]);
  second(500);
  second(9_000);
  expect(flags).toEqual([SMALL, LARGE]);
  second(0);
  expect(flags).toEqual([SMALL, LARGE, SMALL]);
  stop();
  second(9_000);
  expect(flags).toHaveLength(3);
});
