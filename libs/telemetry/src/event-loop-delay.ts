import { LatencyHistogram } from './latency-histogram.js';

/** How often the event loop's delay is sampled. */
export const LOOP_SAMPLE_MS = 100;

/** A histogram over all time, not a quantile since the last scrape: two scrapers do not take it from each other. */
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
