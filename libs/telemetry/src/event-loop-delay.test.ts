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

  it('B7: one pause is no lag, a loop that is late again and again lags until it is in time again', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    let nowMs = 0;
    const { typicalMs, stop } = watchEventLoop();
    const turns = (count: number, lateMs: number): void => {
      for (let turn = 0; turn < count; turn++) {
        nowMs += LOOP_SAMPLE_MS + lateMs;
        now.mockReturnValue(nowMs);
        vi.advanceTimersByTime(LOOP_SAMPLE_MS);
      }
    };
    turns(20, 1);
    turns(7, 30_000);
    expect(typicalMs()).toBe(1);
    turns(8, 1);
    turns(8, 300);
    expect(typicalMs()).toBe(300);
    turns(8, 2);
    expect(typicalMs()).toBe(2);
    stop();
  });
});
