import { startChild, stopAll } from '@holdfast/testkit';
import { afterAll, expect, it } from 'vitest';
import { isRunning } from './is-running.js';

afterAll(stopAll);

it('knows this process, one of another user, and a child until it has ended', async () => {
  expect(isRunning(process.pid)).toBe(true);
  expect(isRunning(1)).toBe(true);
  const child = await startChild({ name: 'sleeper', command: 'sleep', args: ['1000'] });
  expect(isRunning(child.pid)).toBe(true);
  await child.kill();
  expect(isRunning(child.pid)).toBe(false);
});

// The system call takes 0 for the caller's own process group, and -1 for every process.
it.each([0, -1, 1.5, Number.NaN])('finds no process with the id %d', (pid) => {
  expect(isRunning(pid)).toBe(false);
});
