import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LOOP_SAMPLE_MS, watchEventLoop } from './event-loop-delay.js';

describe('watchEventLoop', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('observes how late its timer runs, and stops', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    const { histogram, stop } = watchEventLoop();
    const observed = vi.spyOn(histogram, 'observe');
    now.mockReturnValue(LOOP_SAMPLE_MS + 40);
    vi.advanceTimersByTime(LOOP_SAMPLE_MS);
    expect(observed).toHaveBeenLastCalledWith(0.04);
    stop();
    vi.advanceTimersByTime(10 * LOOP_SAMPLE_MS);
    expect(observed).toHaveBeenCalledTimes(1);
  });
});
