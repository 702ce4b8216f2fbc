import { expect, it } from 'vitest';
import { Histogram } from './histogram.js';

it('knows every quantile to two per cent, from microseconds to a minute', () => {
  for (const scale of [1, 100, 60_000]) {
    const histogram = new Histogram();
    for (let value = 1; value <= 1_000; value++) histogram.record(value * scale);
    for (const share of [0.5, 0.9, 0.99]) {
      const exact = share * 1_000 * scale;
      expect(Math.abs(histogram.quantile(share) / exact - 1)).toBeLessThan(0.025);
    }
  }
});

it('adds up what several processes have recorded, and forgets what is cleared', () => {
  const [a, b] = [new Histogram(), new Histogram()];
  a.record(10);
  b.record(1_000);
  a.add({ counts: [...b.counts] });
  expect(a.quantile(0.5)).toBeCloseTo(10, 0);
  expect(a.quantile(1) / 1_000).toBeCloseTo(1, 1);
  a.clear();
  expect(a.quantile(0.5)).toBe(0);
});
