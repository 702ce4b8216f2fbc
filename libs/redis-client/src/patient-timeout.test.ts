import { describe, expect, it } from 'vitest';
import { patientTimeout } from './patient-timeout.js';

function blockFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** @returns when it expired, milliseconds after it began */
function expiryOf(ms: number): Promise<number> {
  const begunMs = performance.now();
  return new Promise((resolve) => {
    patientTimeout(
      ms,
      () => resolve(performance.now() - begunMs),
      () => undefined,
    );
  });
}

describe('a patient time-out', () => {
  it('D1: expires when its time is over', async () => {
    // A timer may be due a millisecond early.
    expect(await expiryOf(30)).toBeGreaterThanOrEqual(28);
  });

  it('D1: gives answers time to be read when everything was held up', async () => {
    const expiry = expiryOf(20);
    blockFor(200);
    expect(await expiry).toBeGreaterThanOrEqual(290);
  });

  it('D1: expires in the end where everything is held up all the time', async () => {
    const graces: NodeJS.Timeout[] = [];
    await new Promise<void>((resolve) => {
      patientTimeout(1, resolve, (timer) => {
        graces.push(timer);
        setImmediate(() => blockFor(160));
      });
    });
    expect(graces.length).toBeGreaterThan(1);
    expect(graces.length).toBeLessThanOrEqual(21);
  });

  it('can be cleared by the timer it has told last', async () => {
    const timers: NodeJS.Timeout[] = [];
    let expired = false;
    const clear = (): void => clearTimeout(timers.at(-1));
    patientTimeout(
      5,
      () => {
        expired = true;
      },
      (timer) => timers.push(timer),
    );
    blockFor(100);
    await new Promise((resolve) => setTimeout(resolve, 10));
    clear();
    await expiryOf(150);
    expect([timers.length, expired]).toEqual([2, false]);
  });
});
