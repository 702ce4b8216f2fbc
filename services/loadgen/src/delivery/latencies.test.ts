import { expect, it } from 'vitest';
import { Latencies } from './latencies.js';

it('gives percentiles to 5 %, and the longest exactly', () => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 1_000; ms++) latencies.add(ms);
  const { count, p50, p95, p99, max } = latencies.summary();
  expect([count, max]).toEqual([1_000, 1_000]);
  for (const [found, exact] of [
    [p50, 500],
    [p95, 950],
    [p99, 990],
  ] as const) {
    expect(found / exact).toBeGreaterThanOrEqual(1);
    expect(found / exact).toBeLessThan(1.05);
  }
});

it('knows nothing of nothing', () => {
  expect(new Latencies().summary()).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});

it('never says more than the longest', () => {
  const latencies = new Latencies();
  latencies.add(7.3);
  expect(latencies.summary()).toEqual({ count: 1, p50: 7.3, p95: 7.3, p99: 7.3, max: 7.3 });
});
