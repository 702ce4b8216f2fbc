import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TurnLimit } from './turn-limit.js';

let turn: TurnLimit;
let signals = 0;
const count = (): void => {
  signals += 1;
};

/** Frames that are read in one turn, for so long. */
function readFor(ms: number): void {
  const until = performance.now() + ms;
  do for (let frame = 0; frame < 32; frame++) turn.note();
  while (performance.now() < until);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setTimeout(resolve, 5)));

beforeEach(() => {
  signals = 0;
  process.on('SIGURG', count);
  turn = new TurnLimit();
});
afterEach(() => {
  turn.stop();
  process.off('SIGURG', count);
});

describe('the limit of a turn', () => {
  it('D1: ends a turn once in which frames are read for too long, and the next one that does', async () => {
    readFor(40);
    await nextTurn();
    expect(signals).toBe(1);
    readFor(1);
    await nextTurn();
    expect(signals).toBe(1);
    readFor(40);
    await nextTurn();
    expect(signals).toBe(2);
  });

  it('leaves turns alone that are short, however many frames they are', async () => {
    for (let round = 0; round < 20; round++) {
      for (let frame = 0; frame < 1_000; frame++) turn.note();
      await nextTurn();
    }
    expect(signals).toBe(0);
  });
});
