import { describe, expect, it } from 'vitest';
import { newEpoch, parseSession, RESERVED_FIELDS, renderCustom } from './session-json.js';

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

describe('the JSON of a session that another program wrote', () => {
  it.each(['last_activity', 'disconnected_at', 'created_at'])(
    'A6: is refused in no time, however many digits %s has',
    (field) => {
      const many = '9'.repeat(20_000);
      const times = { last_activity: '1', disconnected_at: '1', created_at: '1', [field]: many };
      const data = `"count":1,"last_activity":${times.last_activity},"disconnected_at":${times.disconnected_at}`;
      const json = `{"data":{${data},"x":[${'}'.repeat(20_000)}]},"created_at":${times.created_at},"ttl":1`;
      const started = performance.now();
      expect(parseSession(json)).toBeUndefined();
      // Quadratic time would be minutes.
      expect(performance.now() - started).toBeLessThan(1_000);
    },
  );

  it('K1: may have whitespace behind a time', () => {
    const json = '{"data":{"count":1,"last_activity":1.5 ,"x":2 },"created_at":1. ,"ttl":1,"epoch":"e","retried":0}';
    expect(parseSession(json.replace('1. ,', '1.25,'))).toMatchObject({
      count: 1,
      lastActivity: 1.5,
      custom: { x: 2 },
    });
  });
});
