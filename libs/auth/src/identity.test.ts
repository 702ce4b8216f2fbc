import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClaimError, identityOf } from './identity.js';

const CLAIMS = { sub: 'user-1', exp: 2_000_000_000, sessions: ['team-1'], scope: 'read write' };

function refusal(claims: Record<string, unknown>): string {
  try {
    identityOf({ ...CLAIMS, ...claims });
  } catch (error) {
    if (error instanceof ClaimError) return error.message;
    throw error;
  }
  throw new Error('the claims were accepted');
}

describe('sub', () => {
  it.each([
    'u',
    'auth0|5f7c8ec7',
    'ann@example.org',
    'spiffe://example.org/chat',
    'aGk=',
    'x'.repeat(128),
    '__proto__',
  ])('U4, C7: %s may be a sender', (sub) => {
    expect(identityOf({ ...CLAIMS, sub }).sub).toBe(sub);
  });

  it.each([
    undefined,
    null,
    7,
    true,
    ['user-1'],
    { name: 'user-1' },
    '',
    'x'.repeat(129),
    'two words',
    'quote"',
    'back\\slash',
    'line\nbreak',
    'nul\0',
    'Zoë',
    'u\u0301',
    '<b>',
    '%41',
    '.',
    '..',
    'server',
  ])('U4, C7: %j is refused, and the sentence does not repeat it', (sub) => {
    expect(refusal({ sub })).toBe(
      'the claim "sub" must be 1 to 128 of A-Z a-z 0-9 . _ ~ - @ | + : / =, and neither . nor .. nor the name of back ends, server',
    );
  });

  it('U4: whatever is accepted is the same in JSON, in a query of its own and in a line of a payload', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 4 }), fc.string({ unit: 'binary', maxLength: 4 })), (sub) => {
        let accepted: string;
        try {
          accepted = identityOf({ ...CLAIMS, sub }).sub;
        } catch {
          return;
        }
        expect(JSON.stringify(accepted)).toBe(`"${sub}"`);
        expect(accepted).toMatch(/^[!-~]+$/);
      }),
    );
  });
});

describe('sessions', () => {
  const enters = (sessions: unknown, id: string, scope = 'read') =>
    identityOf({ ...CLAIMS, sessions, scope }).mayEnter(id);

  it.each([
    [['team-1'], 'team-1', true],
    [['team-1'], 'team-10', false],
    [['team-1'], 'Team-1', false],
    [['team-*'], 'team-', true],
    [['team-*'], 'team-1', true],
    [['team-*'], 'team', false],
    [['team-*'], 'a-team-1', false],
    [['a', 'b*'], 'b2', true],
    [['*'], 'anything', true],
    [[], 'anything', false],
    // Neither is a pattern in itself: `.` and `*` mean what they are.
    [['a.c'], 'abc', false],
    [['a.*'], 'abc', false],
    [['.*'], '.x', true],
  ])('U4: %j and %s: %s', (sessions, id, allowed) => {
    expect(enters(sessions, id)).toBe(allowed);
  });

  it.each([
    null,
    'team-1',
    { 0: 'team-1' },
    [7],
    [null],
    [['*']],
    [''],
    ['.'],
    ['..'],
    ['te*m'],
    ['*-team'],
    ['**'],
    ['team 1'],
    ['tëam'],
    ['team-1\n'],
    ['x'.repeat(129)],
    [`${'x'.repeat(129)}*`],
  ])('U4: %j are refused as a whole', (sessions) => {
    expect(refusal({ sessions })).toMatch(/^the claim "sessions" must /);
  });

  it('U4: without them no session is open, and to an administrator every one', () => {
    expect([enters(undefined, 's'), enters(undefined, 's', 'admin'), enters(['t'], 's', 'admin')]).toEqual([
      false,
      true,
      false,
    ]);
    expect(refusal({ sessions: null, scope: 'admin' })).toContain('sessions');
  });

  it('U4: an id is open exactly when it is listed or begins as a pattern does', () => {
    const id = fc.stringMatching(/^[a-c.~-]{1,6}$/).filter((text) => text !== '.' && text !== '..');
    const pattern = fc.tuple(id, fc.constantFrom('', '*')).map(([text, star]) => text + star);
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 5 }), id, (patterns, wanted) => {
        const listed = patterns.some((one) =>
          one.endsWith('*') ? wanted.startsWith(one.slice(0, -1)) : one === wanted,
        );
        expect(enters(patterns, wanted)).toBe(listed);
      }),
    );
  });
});

describe('scope', () => {
  it.each([
    [undefined, 'read'],
    ['', ''],
    ['read', 'read'],
    ['write', 'write'],
    ['read write', 'read write'],
    ['write read', 'read write'],
    ['admin', 'read write admin'],
    ['openid profile', ''],
    ['reader', ''],
    ['READ', ''],
    ['read,write', ''],
    ['__proto__ constructor', ''],
  ])('U4: %j allows: %s', (scope, allowed) => {
    const { canRead, canWrite, isAdmin } = identityOf({ ...CLAIMS, scope });
    expect([canRead && 'read', canWrite && 'write', isAdmin && 'admin'].filter(Boolean).join(' ')).toBe(allowed);
  });

  it.each([null, 7, ['admin'], { admin: true }])('U4: %j is refused', (scope) => {
    expect(refusal({ scope })).toBe('the claim "scope" must be words separated by spaces');
  });
});

describe('times', () => {
  it('U3: are read to the millisecond', () => {
    expect(identityOf({ ...CLAIMS, exp: 1_800_000_000.25, iat: 1_700_000_000 })).toMatchObject({
      expiresAtMs: 1_800_000_000_250,
      issuedAtMs: 1_700_000_000_000,
    });
    expect(identityOf(CLAIMS).issuedAtMs).toBeUndefined();
  });

  it.each([undefined, null, '2000000000', 0, -1, 1e300, Number.NaN, Number.POSITIVE_INFINITY, [2e9]])(
    'U3: an exp of %j is refused',
    (exp) => {
      expect(refusal({ exp })).toBe('the claim "exp" must be a time in Unix seconds');
    },
  );
});

it('U4: claims of an object whose prototype somebody has filled count only where they are its own', () => {
  const claims = JSON.parse('{"sub":"u","exp":2000000000,"__proto__":{"scope":"admin","sessions":["*"]}}');
  const { isAdmin, mayEnter } = identityOf(claims);
  expect([isAdmin, mayEnter('s')]).toEqual([false, false]);
});
