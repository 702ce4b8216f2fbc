import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { tuneHeap } from './heap-tuning.js';

const flags = vi.hoisted(() => [] as string[]);
vi.mock('node:v8', () => ({ setFlagsFromString: (flag: string) => flags.push(flag) }));

const TIGHT = ['--semi-space-growth-factor=1', '--heap-growing-percent=20'];
const ROOM = ['--semi-space-growth-factor=1024', '--heap-growing-percent=0'];

beforeEach(() => {
  flags.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it('gives the heap room while 500 messages a second come, and not before or after', () => {
  let messages = 0;
  const second = (count: number): void => {
    messages += count;
    vi.advanceTimersByTime(1_000);
  };
  const stop = tuneHeap(() => messages);
  second(499);
  expect(flags).toEqual(TIGHT);
  second(500);
  second(9_000);
  expect(flags).toEqual([...TIGHT, ...ROOM]);
  second(0);
  expect(flags).toEqual([...TIGHT, ...ROOM, ...TIGHT]);
  stop();
  second(9_000);
  expect(flags).toHaveLength(6);
});
