import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isClientSecret, isSendId, isSessionId, isStoredSessionId, utf8Length } from './limits.js';

describe('ids', () => {
  it.each([
    ['C2: a session id', isSessionId, 1, 128],
    ['V20: a send id', isSendId, 1, 64],
    ['C1: a client secret', isClientSecret, 16, 64],
  ] as const)('%s has its length and no other', (_name, accepts, min, max) => {
    expect(accepts('x'.repeat(min))).toBe(true);
    expect(accepts('x'.repeat(max))).toBe(true);
    expect(accepts('x'.repeat(min - 1))).toBe(false);
    expect(accepts('x'.repeat(max + 1))).toBe(false);
  });

  it('C2: exactly the characters A-Z a-z 0-9 . _ ~ - make an id', () => {
    for (let code = 0; code < 0x250; code++) {
      const character = String.fromCharCode(code);
      expect(isSessionId(`x${character}`), JSON.stringify(character)).toBe(/[A-Za-z0-9._~-]/.test(character));
    }
  });

  it('C2: . and .. are no ids, and every id stays what it is in a path', () => {
    expect(['.', '..'].map(isSessionId)).toEqual([false, false]);
    expect(['.', '..', 'room', 'a b', ''].map(isStoredSessionId)).toEqual([true, true, true, false, false]);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'.~-_aZ9'), minLength: 1, maxLength: 5 }), (id) => {
        const path = new URL(`http://host/api/sessions/${id}/delete/`).pathname;
        expect(path === `/api/sessions/${id}/delete/`, id).toBe(isSessionId(id));
      }),
      { numRuns: 1_000, examples: [['.'], ['..'], ['...'], ['.a'], ['a..']] },
    );
  });

  it('C2: a line end after an id is not overlooked', () => {
    expect(isSessionId('room\n')).toBe(false);
  });

  it.each([undefined, null, 5, {}, ['room'], true])('C2: %j is no id', (value) => {
    expect(isSessionId(value)).toBe(false);
  });
});

describe('utf8Length', () => {
  it('C6: agrees with Node for every string, lone surrogates included', () => {
    const anyString = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(fc.oneof(anyString, fc.string({ unit: 'binary' })), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text, 'utf8'));
      }),
      { numRuns: 1_000 },
    );
  });
});
