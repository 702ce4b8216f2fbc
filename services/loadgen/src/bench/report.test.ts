import { expect, it } from 'vitest';
import { median } from './median.js';
import { summarize, table } from './report.js';
import type { RunResult } from './run-messages.js';

const run = (cpuUsPerDelivery: number, deliveriesPerSecond: number): RunResult => ({
  cpuUsPerDelivery,
  deliveriesPerSecond,
  messagesPerSecond: deliveriesPerSecond / 5,
  cpuUsOf: { server: cpuUsPerDelivery },
  residentBytesOf: { server: 1 },
  latencyMs: { p50: 1, p90: 2, p99: 3 },
});

it('takes the middle one, or the mean of both', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, 0]);
});

it('compares what ran in the same round, and shows the medians', () => {
  const summaries = summarize([
    { workload: 'chat', target: 'raw', rounds: [run(1, 100), run(2, 50), run(1, 100)] },
    { workload: 'chat', target: 'fire-and-forget', rounds: [run(2, 50), run(4, 25), run(2, 50)] },
    { workload: 'chat', target: 'holdfast', rounds: [run(1.5, 80), run(3, 40), run(9, 10)] },
  ]);
  expect(summaries[2]).toMatchObject({ cpuUsPerDelivery: 3, cpuRatioTo: { 'fire-and-forget': 0.75, raw: 1.5 } });
  expect(table(summaries).split('\n')).toHaveLength(4);
  expect(table(summaries)).toMatch(/chat +holdfast +3\.00 +server 3\.00 +0\.75/);
  const before = summarize([
    { workload: 'chat', target: 'holdfast', rounds: [run(3, 10), run(2, 10)] },
    { workload: 'chat', target: 'holdfast-before', rounds: [run(4, 10), run(2, 10)] },
  ]);
  expect(table(before)).toMatch(/vs before/);
  expect(table(before)).toMatch(/chat +holdfast +2\.50 +server 2\.50 +0\.88 /);
});
