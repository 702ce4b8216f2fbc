import { expect, it } from 'vitest';
import { figuresTable, show, summarizeFigures } from './figures.js';

const round = (seconds: number, violations: string[] = []) => ({
  figures: [{ name: 'all resumed after', unit: 's', value: seconds, atMost: 10 }],
  audit: { messages: 5, violations },
});

it('shows the median of the rounds, what was wanted, and whether it was missed', () => {
  const series = [{ workload: 'reconnect', target: 'holdfast-two', rounds: [round(9), round(12), round(11.5)] }];
  const summaries = summarizeFigures(series);
  expect(summaries[0]).toMatchObject({ rounds: 3, violations: 0, figures: [{ value: 11.5 }] });
  expect(figuresTable(summaries)).toMatch(/all resumed after +11\.50 s +10 s MISSED\n.*audit +ok$/);
});

it('counts what the audits found', () => {
  const series = [{ workload: 'idle', target: 'holdfast', rounds: [round(1, ['lost']), round(1)] }];
  expect(figuresTable(summarizeFigures(series))).toMatch(/audit +1 violations$/);
});

it('shows numbers as they are read', () => {
  const shown = [19_000, 0.5, 1_234.56].map((value) => show({ name: '', unit: '', value }));
  expect(shown).toEqual(['19,000', '0.50', '1,234.6']);
});
