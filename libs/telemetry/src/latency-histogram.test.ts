import { describe, expect, it } from 'vitest';
import { LATENCY_BOUNDS, LatencyHistogram } from './latency-histogram.js';

function samples(histogram: LatencyHistogram): Map<string, number> {
  const lines = histogram.expose('x_seconds', 'help', { a: 'b' }).split('\n').slice(2);
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

describe('LatencyHistogram', () => {
  it('counts a value in its bucket and all above, a bound belonging to the bucket below it', () => {
    const histogram = new LatencyHistogram();
    for (const seconds of [0, 0.0005, 0.0006, 3, 11]) histogram.observe(seconds);
    const found = samples(histogram);
    expect(found.get('x_seconds_bucket{le="0.0005",a="b"}')).toBe(2);
    expect(found.get('x_seconds_bucket{le="0.001",a="b"}')).toBe(3);
    expect(found.get('x_seconds_bucket{le="2.5",a="b"}')).toBe(3);
    expect(found.get('x_seconds_bucket{le="5",a="b"}')).toBe(4);
    expect(found.get('x_seconds_bucket{le="10",a="b"}')).toBe(4);
    expect(found.get('x_seconds_bucket{le="+Inf",a="b"}')).toBe(5);
    expect(found.get('x_seconds_count{a="b"}')).toBe(5);
    expect(found.get('x_seconds_sum{a="b"}')).toBeCloseTo(14.0011);
  });

  it('takes what is no duration as 0', () => {
    const histogram = new LatencyHistogram();
    for (const seconds of [-1, Number.NaN, Number.POSITIVE_INFINITY]) histogram.observe(seconds);
    expect(samples(histogram).get('x_seconds_bucket{le="0.0005",a="b"}')).toBe(3);
    expect(samples(histogram).get('x_seconds_sum{a="b"}')).toBe(0);
  });

  it('escapes labels', () => {
    expect(new LatencyHistogram().expose('x', 'help', { a: 'q"\\\n' })).toContain('x_sum{a="q\\"\\\\\\n"} 0');
  });

  it('has ascending bounds', () => {
    expect(LATENCY_BOUNDS).toEqual([...LATENCY_BOUNDS].sort((a, b) => a - b));
  });
});
