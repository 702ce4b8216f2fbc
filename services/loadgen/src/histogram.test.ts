import { expect, it } from 'vitest';
import { Histogram } from './histogram.js';

it('knows every quantile to two per cent, from microseconds to minutes', () => {
  for (const scale of [1, 100, 60_000, 3_000_000]) {
    const histogram = new Histogram();
    for (let value = 1; value <= 1_000; value++) histogram.record(value * scale);
    for (const share of [0.5, 0.9, 0.99]) {
      const exact = share * 1_000 * scale;
      expect(Math.abs(histogram.quantile(share) / exact - 1)).toBeLessThan(0.025);
    }
    expect(histogram.quantile(1)).toBe(1_000 * scale);
  }
});

it('adds up what several processes have recorded, and forgets what is cleared', () => {
  const [a, b] = [new Histogram(), new Histogram()];
  a.record(10);
  b.record(1_000);
  a.add(structuredClone(b.snapshot()));
  expect(a.count).toBe(2);
  expect(a.quantile(0.5)).toBeCloseTo(10, 0);
  expect(a.quantile(1)).toBe(1_000);
  a.clear();
  expect([a.count, a.quantile(0.5), a.quantile(1)]).toEqual([0, 0, 0]);
});

it('sums up in milliseconds, and names no quantile longer than the longest duration', () => {
  const histogram = new Histogram();
  expect(histogram.summary()).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  for (let ms = 1; ms <= 100; ms++) histogram.record(ms * 1_000);
  const { count, p50, p95, p99, max } = histogram.summary();
  expect([count, max]).toEqual([100, 100]);
  for (const [found, exact] of [
    [p50, 50],
    [p95, 95],
    [p99, 99],
  ] as const)
    expect(Math.abs(found / exact - 1)).toBeLessThan(0.025);
  const one = new Histogram();
  one.record(7_301);
  expect(one.summary()).toMatchObject({ count: 1, max: 7.301 });
  for (const quantile of Object.values(one.summary()).slice(1)) expect(quantile).toBeLessThanOrEqual(7.301);
});
