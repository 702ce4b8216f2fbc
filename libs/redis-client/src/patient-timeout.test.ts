import { describe, expect, it } from 'vitest';
import { patientTimeout } from './patient-timeout.js';

/** Adds one line for each of the next turns of the event loop, so that what happens between them shows its turn. */
async function turns(count: number, happened: string[]): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    happened.push('turn');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a patient time-out', () => {
  it('D1: expires when its time is over', async () => {
    const begunMs = performance.now();
    await new Promise<void>((resolve) => patientTimeout(resolve, 30));
    // A timer may be due a millisecond early.
    expect(performance.now() - begunMs).toBeGreaterThanOrEqual(28);
  });

  it('D1: lets sockets be read a few times after the process was held up', async () => {
    const happened: string[] = [];
    patientTimeout(() => happened.push('expired'), 20);
    const until = performance.now() + 100;
    while (performance.now() < until);
    await turns(10, happened);
    const at = happened.indexOf('expired');
    expect(at).toBeGreaterThanOrEqual(5);
    expect(at).toBeLessThanOrEqual(8);
  });

  it('can be cleared', async () => {
    const happened: string[] = [];
    clearTimeout(patientTimeout(() => happened.push('expired'), 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await turns(10, happened);
    expect(happened).not.toContain('expired');
  });
});
