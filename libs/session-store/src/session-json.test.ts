import { announcedRandom, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  customPartOf,
  mergeCustom,
  newEpoch,
  parseSession,
  RESERVED_FIELDS,
  renderCustom,
  renderSession,
} from './session-json.js';

const fields = fc.dictionary(
  fc.string({ unit: 'binary', maxLength: 8 }).filter((name) => !RESERVED_FIELDS.includes(name)),
  fc.jsonValue({ maxDepth: 3 }),
);
/** As it comes back from JSON: without a sign on zero. */
const custom = fields.map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const millis = fc.integer({ min: 0, max: 4e12 }).map((ms) => ms / 1000);
const state = fc.record({
  count: fc.nat({ max: 99_999_999_999_999 }),
  lastActivity: millis,
  custom,
  createdAt: millis,
  ttl: fc.integer({ min: 1, max: 315_360_000 }),
  epoch: fc.constantFrom('0006123456789-abcd', 'e~.-_'),
  retried: fc.nat(),
});
const parameters = (label: string) => ({ seed: announcedRandom(label).seed, numRuns: runs(300) });

describe('the JSON of a session', () => {
  it('K1: is read back as it was written', () => {
    fc.assert(
      fc.property(state, fc.option(millis, { nil: undefined }), (record, disconnectedAt) => {
        const whole = disconnectedAt === undefined ? record : { ...record, disconnectedAt };
        const json = renderSession(whole);
        expect(parseSession(json)).toEqual(whole);
        expect(customPartOf(json)).toBe(renderCustom(record.custom));
      }),
      parameters('session JSON'),
    );
  });

  it('A6: whatever else is in its place is nothing, and never throws', () => {
    const json = renderSession({
      ...{ count: 1, lastActivity: 1, custom: { a: 'b' }, createdAt: 1, ttl: 1, epoch: 'e', retried: 0 },
    });
    for (let length = 0; length < json.length; length++) expect(parseSession(json.slice(0, length))).toBeUndefined();
    for (const damaged of [
      ` ${json}`,
      `${json}\n`,
      json.replace('"a":"b"', '"a":b'),
      json.replace('"count":1', '"count":-1'),
      json.replace('"count":1', '"count":1.5'),
      json.replace('"count":1', `"count":${'1'.repeat(15)}`),
      json.replace('"ttl":1', '"ttl":null'),
      json.replace('"epoch":"e"', '"epoch":""'),
      json.replace('"epoch":"e"', '"epoch":"a b"'),
      json.replace('"last_activity":1.000', '"last_activity":1.0.0'),
    ]) {
      expect([damaged, parseSession(damaged)]).toEqual([damaged, undefined]);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseSession(text)).toBeUndefined();
      }),
      parameters('no session JSON'),
    );
  });

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
