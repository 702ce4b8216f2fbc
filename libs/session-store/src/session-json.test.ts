import { describe, expect, it } from 'vitest';
import { newEpoch, RESERVED_FIELDS, renderCustom } from './session-json.js';

describe('the custom fields of a session’s JSON', () => {
  it('K1: custom data does not stand in for the session’s own fields', () => {
    for (const field of RESERVED_FIELDS) {
      expect(() => renderCustom({ [field]: 1 })).toThrow(`data.${field} is reserved`);
    }
    expect(renderCustom({})).toBe('');
  });

  it('G5: epochs sort by their time', () => {
    const times = [0, 1, 999_999, 1_703_123_456_789_012, 1_703_123_456_789_013, 4_000_000_000_000_000];
    const epochs = times.map((time, n) => newEpoch(time, String(9 - n)));
    expect([...epochs].reverse().sort()).toEqual(epochs);
  });
});
