import { LatencyHistogram } from './latency-histogram.js';

/** Milliseconds between two samples of the event loop's delay. */
export const LOOP_SAMPLE_MS = 100;

/**
 * Measures how late the timers of this process run.
 *
 * @returns a histogram since the start: a quantile since the last scrape would be wrong with two scrapers
 */
export function watchEventLoop(): { histogram: LatencyHistogram; stop(): void } {
  const histogram = new LatencyHistogram();
  let expected = performance.now() + LOOP_SAMPLE_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    histogram.observe((now - expected) / 1000);
    expected = now + LOOP_SAMPLE_MS;
  }, LOOP_SAMPLE_MS);
  timer.unref();
  return { histogram, stop: () => clearInterval(timer) };
}
