import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  it('stands still until advanced', () => {
    const clock = new FakeClock(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250]);
  });

  it('fires timers in the order they are due, at their own time', () => {
    const clock = new FakeClock(0);
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.now()}`);
    clock.setTimeout(note('late'), 30);
    clock.setTimeout(note('early'), 10);
    clock.setTimeout(note('early too'), 10);
    clock.advance(29);
    expect(fired).toEqual(['early@10', 'early too@10']);
    clock.advance(1);
    expect(fired.at(-1)).toBe('late@30');
    expect(clock.pending).toBe(0);
  });

  it('fires what a firing timer sets when it is due within the same advance', () => {
    const clock = new FakeClock(0);
    const fired: number[] = [];
    clock.setTimeout(() => clock.setTimeout(() => fired.push(clock.now()), 5), 5);
    clock.advance(10);
    expect(fired).toEqual([10]);
  });

  it('fires a timer without a number of milliseconds at once, as real clocks do', () => {
    const clock = new FakeClock(1_000);
    const fired: number[] = [];
    clock.setTimeout(() => fired.push(clock.now()), Number.NaN);
    clock.advance(5);
    expect([...fired, clock.now()]).toEqual([1_000, 1_005]);
  });

  it('repeats intervals until cleared, also from within', () => {
    const clock = new FakeClock(0);
    const fired: number[] = [];
    const timer = clock.setInterval(() => {
      fired.push(clock.now());
      if (fired.length === 3) clock.clearInterval(timer);
    }, 100);
    clock.advance(1_000);
    expect(fired).toEqual([100, 200, 300]);
  });

  it('forgets a cleared timer, and takes an absent one', () => {
    const clock = new FakeClock();
    let fired = false;
    const timer = clock.setTimeout(() => {
      fired = true;
    }, 1);
    clock.clearTimeout(timer);
    clock.clearTimeout(undefined);
    clock.advance(10);
    expect(fired).toBe(false);
  });

  it('keeps the monotonic clock when the wall clock is stepped', () => {
    const clock = new FakeClock(10_000);
    clock.stepWall(-5_000);
    expect([clock.now(), clock.monotonic()]).toEqual([5_000, 0]);
  });

  it('lets promises settle between timers when advanced asynchronously', async () => {
    const clock = new FakeClock(0);
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
    const steps: number[] = [];
    void (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        steps.push(clock.now());
      }
    })();
    await clock.advanceAsync(25);
    expect(steps).toEqual([10, 20]);
    expect(clock.nextDueMs).toBe(30);
  });
});
