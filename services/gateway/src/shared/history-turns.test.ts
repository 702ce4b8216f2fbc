import { describe, expect, it } from 'vitest';
import { HistoryTurns, TURN_BYTES } from './history-turns.js';

/** A clock whose turns the test ends. */
function turns(): { readonly defer: (callback: () => void) => void; end(): boolean } {
  const deferred: (() => void)[] = [];
  return {
    defer: (callback) => void deferred.push(callback),
    end: () => {
      const due = deferred.splice(0);
      for (const callback of due) callback();
      return due.length > 0;
    },
  };
}

describe('history of many readers', () => {
  it('F6: in one turn no more is written than the bytes of a turn and one part, and readers take turns', async () => {
    const clock = turns();
    const history = new HistoryTurns(clock);
    const part = TURN_BYTES / 4;
    const written: string[] = [];
    const read = async (reader: string): Promise<void> => {
      for (let n = 0; n < 3; n++) {
        await history.write(() => {
          written.push(reader);
          return part;
        });
      }
    };
    const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map(read));
    const each: string[] = [];
    do {
      await new Promise(setImmediate);
      each.push(written.splice(0).join(''));
    } while (clock.end());
    await all;
    expect(each.filter((turn) => turn.length > 4)).toEqual([]);
    expect(each.join('')).toHaveLength(15);
    expect([...each.join('').slice(0, 5)].sort().join('')).toBe('abcde');
  });

  it('F6: a reader that has gone takes nothing of a turn, and a write that fails holds nobody up', async () => {
    const clock = turns();
    const history = new HistoryTurns(clock);
    expect(history.write(() => TURN_BYTES)).toBeUndefined();
    const failing = history.write(() => {
      throw new Error('no socket');
    });
    const written: string[] = [];
    const gone = history.write(() => 0);
    const next = history.write(() => written.push('next'));
    clock.end();
    await expect(failing).rejects.toThrow('no socket');
    await Promise.all([gone, next]);
    expect(written).toEqual(['next']);
  });
});
