import { expect, it } from 'vitest';
import {
  type FiguresRun,
  figuresTable,
  formatFigure,
  median,
  messagesTable,
  type Series,
  summarizeFigures,
  summarizeMessages,
} from './report.js';
import type { RunResult } from './run-messages.js';

const run = (cpuUsPerDelivery: number, deliveriesPerSecond: number): RunResult => ({
  cpuUsPerDelivery,
  deliveriesPerSecond,
  messagesPerSecond: deliveriesPerSecond / 5,
  cpuUsOf: { server: cpuUsPerDelivery },
  residentBytesOf: { server: 1 },
  latencyMs: { p50: 1, p90: 2, p99: 3 },
});

const resumed = (seconds: number, violations: string[] = []): FiguresRun => ({
  figures: [{ name: 'all resumed after', unit: 's', value: seconds, atMost: 10 }],
  audit: { messages: 5, violations },
});

it('takes the value in the middle, or the mean of the two in the middle', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, 0]);
});

it('compares what ran in the same round, and shows the medians', () => {
  const summaries = summarizeMessages([
    { workload: 'chat', target: 'raw', rounds: [run(1, 100), run(2, 50), run(1, 100)] },
    { workload: 'chat', target: 'fire-and-forget', rounds: [run(2, 50), run(4, 25), run(2, 50)] },
    { workload: 'chat', target: 'holdfast', rounds: [run(1.5, 80), run(3, 40), run(9, 10)] },
  ]);
  expect(summaries[2]).toMatchObject({ cpuUsPerDelivery: 3, cpuRatioTo: { 'fire-and-forget': 0.75, raw: 1.5 } });
  expect(messagesTable(summaries).split('\n')).toHaveLength(4);
  expect(messagesTable(summaries)).toMatch(/chat +holdfast +3\.00 +server 3\.00 +0\.75/);
  const before = summarizeMessages([
    { workload: 'chat', target: 'holdfast', rounds: [run(3, 10), run(2, 10)] },
    { workload: 'chat', target: 'holdfast-before', rounds: [run(4, 10), run(2, 10)] },
  ]);
  expect(messagesTable(before)).toMatch(/vs before/);
  expect(messagesTable(before)).toMatch(/chat +holdfast +2\.50 +server 2\.50 +0\.88 /);
});

it('shows the median of each figure, its limit, and whether the limit was missed', () => {
  const series: Series<FiguresRun> = {
    workload: 'reconnect',
    target: 'holdfast-two',
    rounds: [resumed(9), resumed(12), resumed(11.5)],
  };
  const summaries = summarizeFigures([series]);
  expect(summaries[0]).toMatchObject({ rounds: 3, violations: 0, figures: [{ value: 11.5 }] });
  expect(figuresTable(summaries)).toMatch(/all resumed after +11\.50 s +10 s MISSED\n.*audit +ok$/);
});

it('counts what the audits found', () => {
  const series: Series<FiguresRun> = {
    workload: 'idle',
    target: 'holdfast',
    rounds: [resumed(1, ['lost']), resumed(1)],
  };
  expect(figuresTable(summarizeFigures([series]))).toMatch(/audit +1 violations$/);
});

it('shows numbers with as many digits as a reader needs', () => {
  const shown = [19_000, 0.5, 1_234.56].map((value) => formatFigure({ name: '', unit: '', value }));
  expect(shown).toEqual(['19,000', '0.50', '1,234.6']);
});
