import { describe, expect, it } from 'vitest';
import { addLines, countKeys, emptyTally, mergeTallies, TALLY_LINES_MAX, type TallyLine, totalOf } from './tally.js';

const line = (sessionId: string, fault = 'orphan_log', repaired = true): TallyLine => {
  return { fault, sessionId, repairable: true, detail: {}, repaired };
};

describe('a tally', () => {
  it('counts every fault from 0, so that what was not found is said as well', () => {
    expect(emptyTally(['a', 'b']).faults).toEqual({ a: { found: 0, repaired: 0 }, b: { found: 0, repaired: 0 } });
  });

  it('counts what was found and what of it was repaired', () => {
    const tally = addLines(emptyTally(['orphan_log']), [line('a'), line('b', 'orphan_log', false)]);
    expect(tally.faults).toEqual({ orphan_log: { found: 2, repaired: 1 } });
    expect(totalOf(tally)).toEqual({ found: 2, repaired: 1 });
  });

  it('counts a finding once, although SCAN may show a key twice', () => {
    const once = addLines(emptyTally([]), [line('a'), line('a')]);
    expect(totalOf(addLines(once, [line('a')])).found).toBe(1);
  });

  it('keeps a bounded number of lines and goes on counting', () => {
    const many = Array.from({ length: TALLY_LINES_MAX + 7 }, (_, index) => line(`s${index}`));
    const tally = addLines(emptyTally([]), many);
    expect(tally.lines).toHaveLength(TALLY_LINES_MAX);
    expect(totalOf(tally).found).toBe(TALLY_LINES_MAX + 7);
  });

  it('adds up over the masters', () => {
    const one = addLines(countKeys(emptyTally(['orphan_log']), 10, { logs: 3 }), [line('a')]);
    const two = addLines(countKeys(emptyTally(['orphan_log']), 5, { logs: 1, sessions: 2 }), [line('b')]);
    const whole = mergeTallies(['orphan_log'], [one, two]);
    expect(whole.keys).toBe(15);
    expect(whole.looked).toEqual({ logs: 4, sessions: 2 });
    expect(whole.faults).toEqual({ orphan_log: { found: 2, repaired: 2 } });
    expect(whole.lines.map(({ sessionId }) => sessionId)).toEqual(['a', 'b']);
  });
});
