import { expect, it } from 'vitest';
import { cpuUsOf, peakResidentBytesOf, residentBytesOf } from './server-process.js';

it('reads user and system time of a process whatever it is called', () => {
  const stat = '42 (a) S 1 (b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 11 0 100 0 0';
  expect(cpuUsOf(stat)).toBe(2_000_000);
});

it('reads resident memory, and the most that it ever was', () => {
  const status = 'Name:\tnode\nVmHWM:\t   4096 kB\nVmRSS:\t   2048 kB\nThreads:\t11\n';
  expect([residentBytesOf(status), peakResidentBytesOf(status)]).toEqual([2_097_152, 4_194_304]);
});
