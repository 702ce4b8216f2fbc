import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TurnLimit } from './turn-limit.js';

let turn: TurnLimit;
let nowMs = 0;
let signals = 0;
const count = (): void => {
  signals += 1;
};

/** Reads frames within one turn, which takes `overMs`. */
function read(frames: number, overMs: number, bytes = 100): void {
  for (let frame = 0; frame < frames; frame++) {
    nowMs += overMs / frames;
    turn.note(bytes);
  }
}

/** Resolves after a whole turn of the event loop, in which a signal is noticed. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setTimeout(() => setImmediate(resolve), 5)));

beforeEach(() => {
  signals = 0;
  process.on('SIGURG', count);
  turn = new TurnLimit(() => nowMs);
});
afterEach(() => {
  turn.stop();
  process.off('SIGURG', count);
});

describe('the limit of a turn of the event loop', () => {
  it('D1: ends a turn in which frames are read for too long, once, and again in a later turn', async () => {
    const seen: number[] = [];
    for (const overMs of [40, 1, 40]) {
      read(1_000, overMs);
      await nextTurn();
      seen.push(signals);
    }
    expect(seen).toEqual([1, 1, 2]);
  });

  it('D1: also where a few large frames take that long', async () => {
    read(8, 40, 98_304);
    await nextTurn();
    expect(signals).toBe(1);
  });

  it('leaves short turns alone, however many frames they read', async () => {
    for (let round = 0; round < 5; round++) {
      read(5_000, 9);
      await nextTurn();
    }
    expect(signals).toBe(0);
  });
});
