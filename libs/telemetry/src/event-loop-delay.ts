import { LatencyHistogram } from './latency-histogram.js';

/** Milliseconds between two samples of the event loop's delay. */
export const LOOP_SAMPLE_MS = 100;
/** So many of the newest samples are looked at; an odd number. */
const RECENT_SAMPLES = 15;

export interface EventLoopWatch {
  /** Since the start: a quantile since the last scrape would be wrong with two scrapers. */
  readonly histogram: LatencyHistogram;
  /**
   * The median of the newest samples, milliseconds: how late most timers run at present. One long pause does not change
   * it, however long it was.
   */
  typicalMs(): number;
  stop(): void;
}

/** Measures how late the timers of this process run. */
export function watchEventLoop(): EventLoopWatch {
  const histogram = new LatencyHistogram();
  const recentMs = new Array<number>(RECENT_SAMPLES).fill(0);
  let samples = 0;
  let expected = performance.now() + LOOP_SAMPLE_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    const lateMs = now - expected;
    histogram.observe(lateMs / 1000);
    recentMs[samples % RECENT_SAMPLES] = lateMs;
    samples += 1;
    expected = now + LOOP_SAMPLE_MS;
  }, LOOP_SAMPLE_MS);
  timer.unref();
  return {
    histogram,
    typicalMs: () => recentMs.toSorted((a, b) => a - b)[(RECENT_SAMPLES - 1) / 2] ?? 0,
    stop: () => clearInterval(timer),
  };
}
