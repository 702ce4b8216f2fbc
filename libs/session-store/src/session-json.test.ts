import { announcedRandom, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeCustom, newEpoch, RESERVED_FIELDS, renderCustom } from './session-json.js';

const fields = fc.dictionary(
  fc.string({ unit: 'binary', maxLength: 8 }).filter((name) => !RESERVED_FIELDS.includes(name)),
  fc.jsonValue({ maxDepth: 3 }),
);
/** As it comes back from JSON: without a sign on zero. */
const custom = fields.map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const parameters = (label: string) => ({ seed: announcedRandom(label).seed, numRuns: runs(300) });

describe('the custom fields of a session’s JSON', () => {
  it('A1: a merge replaces what it names and leaves the rest', () => {
    fc.assert(
      fc.property(custom, custom, (had, patch) => {
        const merged = mergeCustom(renderCustom(had), patch);
        expect(JSON.parse(`{${merged.slice(1)}}`)).toEqual({ ...had, ...patch });
      }),
      parameters('merge'),
    );
  });

  it('K1: custom data does not stand in for the session’s own fields', () => {
    for (const field of RESERVED_FIELDS) {
      expect(() => renderCustom({ [field]: 1 })).toThrow(`data.${field} is reserved`);
      expect(() => mergeCustom('', { [field]: 1 })).toThrow(`data.${field} is reserved`);
    }
    expect(renderCustom({})).toBe('');
  });

  it('G5: epochs sort by their time', () => {
    const times = [0, 1, 999_999, 1_703_123_456_789_012, 1_703_123_456_789_013, 4_000_000_000_000_000];
    const epochs = times.map((time, n) => newEpoch(time, String(9 - n)));
    expect([...epochs].reverse().sort()).toEqual(epochs);
  });
});
