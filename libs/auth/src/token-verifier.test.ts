import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signToken } from './sign-token.js';
import { TOKEN_MAX_LENGTH, TokenVerifier, type Verdict } from './token-verifier.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const OLD_SECRET = 'an-older-secret-of-thirty-two-bytes-or-more';
const NOW_MS = 1_700_000_000_500;
const CONTENTS = { sub: 'user-1', sessions: ['team-*'], scope: 'read write', ttl: 60 };

const verifier = new TokenVerifier({ secrets: [SECRET] }, { now: () => NOW_MS });
const encode = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/** Signs what the library would not: any header and any text of claims. */
function forge(header: unknown, claims: unknown, secret: string | undefined = SECRET): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${secret === undefined ? '' : createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const HS256 = { alg: 'HS256' };
const CLAIMS = { sub: 'user-1', exp: 1_700_000_060, sessions: ['team-*'], scope: 'read write' };

function codeOf(verdict: Verdict): string {
  return verdict.ok ? 'accepted' : verdict.refusal.code;
}

const refusalOf = async (token: string | undefined, by = verifier): Promise<string> => codeOf(await by.verify(token));

describe('a token', () => {
  it('U1, U4: signed with the secret says who comes and what they may do', async () => {
    const verdict = await verifier.verify(await signToken(SECRET, CONTENTS, NOW_MS));
    if (!verdict.ok) throw new Error(verdict.refusal.message);
    const { identity } = verdict;
    expect(identity).toMatchObject({ sub: 'user-1', canRead: true, canWrite: true, isAdmin: false });
    expect(identity).toMatchObject({ expiresAtMs: 1_700_000_060_000, issuedAtMs: 1_700_000_000_000 });
    expect([identity.mayEnter('team-7'), identity.mayEnter('other')]).toEqual([true, false]);
  });

  it('U1: is accepted with each of several secrets, and with none that has been taken away', async () => {
    const rotating = new TokenVerifier({ secrets: [SECRET, OLD_SECRET] }, { now: () => NOW_MS });
    const old = await signToken(OLD_SECRET, CONTENTS, NOW_MS);
    const young = await signToken(SECRET, CONTENTS, NOW_MS);
    expect([await refusalOf(old, rotating), await refusalOf(young, rotating)]).toEqual(['accepted', 'accepted']);
    expect(await refusalOf(old)).toBe('signature');
    expect(await refusalOf(forge(HS256, { ...CLAIMS, exp: 1_700_000_000 }, OLD_SECRET), rotating)).toBe('expired');
  });

  it.each([undefined, '', ' ', '.', '..', '...', 'a.b', 'a.b.c', 'a.b.c.d.e', '{}', 'Bearer', '\u0000', 'ä.ö.ü'])(
    'U1: %j is none',
    async (token) => {
      expect(await refusalOf(token)).toBe(token ? 'malformed' : 'missing');
    },
  );

  it.each([
    ['is as old as it may get', { iat: 1_700_000_000, exp: 1_700_000_600 }, 'accepted'],
    ['lives longer', { iat: 1_700_000_000, exp: 1_700_000_601 }, 'claims'],
    ['lives longer by a fraction', { iat: 1_700_000_000, exp: 1_700_000_600.01 }, 'claims'],
    ['has lived most of a longer life', { iat: 1_699_999_000, exp: 1_700_000_001 }, 'claims'],
    ['does not say when it was issued, and is to live longer', { exp: 1_700_000_601 }, 'claims'],
    ['does not say when it was issued, and ends in time', { exp: 1_700_000_600 }, 'accepted'],
    ['is dated ahead, so that no revocation would be about it', { iat: 1_800_000_000, exp: 1_800_000_060 }, 'claims'],
  ])('U12: that %s is judged by its life', async (_what, claims, expected) => {
    const strict = new TokenVerifier({ secrets: [SECRET], maxTokenSeconds: 600 }, { now: () => NOW_MS });
    const token = forge(HS256, { sub: 'ann', ...claims });
    expect(await refusalOf(token, strict)).toBe(expected);
    expect(await refusalOf(token)).toBe('accepted');
  });

  it('U12: of a user whose tokens are revoked counts when it was issued since, and not when it does not say', async () => {
    const asked: string[] = [];
    const revokedBefore = (sub: string) => {
      asked.push(sub);
      return sub === 'ann' ? 1_699_999_990_000 : undefined;
    };
    const by = new TokenVerifier({ secrets: [SECRET] }, { now: () => NOW_MS, revokedBefore });
    const of = (claims: object) => refusalOf(forge(HS256, { sub: 'ann', exp: 1_700_000_060, ...claims }), by);
    expect(await of({ iat: 1_699_999_989 })).toBe('revoked');
    expect(await of({ iat: 1_699_999_989.999 })).toBe('revoked');
    expect(await of({})).toBe('revoked');
    expect(await of({ iat: 1_699_999_990 })).toBe('accepted');
    expect(await of({ sub: 'bob', iat: 1_699_999_000 })).toBe('accepted');
    expect(await of({ iat: 1_699_999_989, exp: 1_700_000_000 })).toBe('expired');
    expect(asked).toEqual(['ann', 'ann', 'ann', 'ann', 'bob']);
  });

  it('U3: counts from nbf until exp, to the millisecond, without leeway', async () => {
    const verdictAt = async (nowMs: number) => {
      const at = new TokenVerifier({ secrets: [SECRET] }, { now: () => nowMs });
      return refusalOf(forge(HS256, { ...CLAIMS, nbf: 1_700_000_010, exp: 1_700_000_020.75 }), at);
    };
    expect(await Promise.all([9_999, 10_000, 20_749, 20_750].map((ms) => verdictAt(1_700_000_000_000 + ms)))).toEqual([
      'not_yet_valid',
      'accepted',
      'accepted',
      'expired',
    ]);
  });

  it.each([
    [{ aud: 'chat', iss: 'https://id.example' }, 'accepted'],
    [{ aud: ['other', 'chat'], iss: 'https://id.example' }, 'accepted'],
    [{ aud: 'other', iss: 'https://id.example' }, 'audience'],
    [{ aud: ['other'], iss: 'https://id.example' }, 'audience'],
    [{ aud: { chat: true }, iss: 'https://id.example' }, 'audience'],
    [{ iss: 'https://id.example' }, 'claims'],
    [{ aud: 'chat', iss: 'https://id.example/' }, 'issuer'],
    [{ aud: 'chat', iss: ['https://id.example'] }, 'issuer'],
    [{ aud: 'chat' }, 'claims'],
  ])('U3: %j where an audience and an issuer are expected: %s', async (claims, code) => {
    const strict = new TokenVerifier(
      { secrets: [SECRET], audience: 'chat', issuer: 'https://id.example' },
      { now: () => NOW_MS },
    );
    expect(await refusalOf(forge(HS256, { ...CLAIMS, ...claims }), strict)).toBe(code);
  });

  it.each([
    ['none', undefined],
    ['None', undefined],
    ['NONE', undefined],
    ['none', SECRET],
    ['', SECRET],
    ['HS512', SECRET],
    ['hs256', SECRET],
    ['RS256', SECRET],
    [['HS256'], SECRET],
    [{ toString: 'HS256' }, SECRET],
    [null, SECRET],
  ])('U1: alg %j is refused', async (alg, secret) => {
    expect(await refusalOf(forge({ alg }, CLAIMS, secret))).toMatch(/^(algorithm|malformed)$/);
  });

  it('U1: an algorithm is not taken from the token: neither secrets nor public keys are used for those of the other', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const input = `${encode({ alg: 'RS256' })}.${encode(CLAIMS)}`;
    const rs256 = `${input}.${createSign('sha256').update(input).sign(privateKey).toString('base64url')}`;
    // The secret is the text of a public key, as where somebody has confused the two settings.
    const confused = new TokenVerifier({ secrets: [pem] }, { now: () => NOW_MS });
    expect(await refusalOf(rs256, confused)).toBe('algorithm');
    // A public key is known to everybody, so that a verifier of public keys must not take an HMAC with it.
    const ofIssuer = new TokenVerifier({ secrets: [], jwksUrl: 'http://127.0.0.1:9/' }, { now: () => NOW_MS });
    expect(await refusalOf(forge(HS256, CLAIMS, pem), ofIssuer)).toBe('algorithm');
  });

  it('U1: whatever its header brings along is not used: keys, addresses of keys, extensions', async () => {
    const jwk = { kty: 'oct', k: encode('another secret of thirty-two bytes') };
    const header = { ...HS256, jwk, jku: 'http://127.0.0.1:9/', x5u: 'http://127.0.0.1:9/', kid: '../../etc/passwd' };
    expect(await refusalOf(forge(header, CLAIMS, 'another secret of thirty-two bytes'))).toBe('signature');
    expect(await refusalOf(forge(header, CLAIMS))).toBe('accepted');
    expect(await refusalOf(forge({ ...HS256, crit: ['x'], x: 1 }, CLAIMS))).toBe('malformed');
    expect(await refusalOf(forge({ ...HS256, crit: ['b64'], b64: false }, CLAIMS))).toBe('malformed');
  });

  it('U1: a single character that is cut off or changed makes it worthless', async () => {
    const token = forge(HS256, CLAIMS);
    // Of the last character two bits are no part of the signature.
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 2), fc.constantFrom('cut', 'A', 'z', '.', '-'), async (at, change) => {
        const broken = change === 'cut' ? token.slice(0, at) : token.slice(0, at) + change + token.slice(at + 1);
        if (broken !== token) expect(await refusalOf(broken)).not.toBe('accepted');
      }),
    );
    expect(await refusalOf(`${token}\n`)).not.toBe('accepted');
    expect(await refusalOf(` ${token}`)).not.toBe('accepted');
  });

  it('U1: a huge one is refused unread', async () => {
    expect(await refusalOf(forge(HS256, { ...CLAIMS, more: 'x'.repeat(TOKEN_MAX_LENGTH) }))).toBe('malformed');
    expect(await refusalOf('x'.repeat(50_000_000))).toBe('malformed');
  });

  it.each([
    ['a nest of lists', '['.repeat(5_000)],
    ['a nest of objects', '{"a":'.repeat(1_000)],
    ['a closed nest', `${'['.repeat(2_500)}${']'.repeat(2_500)}`],
    ['a number without end', `{"alg":1${'0'.repeat(5_000)}}`],
    ['a list', '[]'],
    ['a string', '"HS256"'],
    ['null', 'null'],
    ['__proto__', '{"__proto__":{"alg":"HS256"}}'],
  ])('U1: %s is no header and are no claims', async (_name, text) => {
    expect(await refusalOf(forge(text, CLAIMS))).toMatch(/^(algorithm|malformed)$/);
    expect(await refusalOf(forge(HS256, text))).toMatch(/^(claims|malformed)$/);
  });

  it('U4: a claim that is given twice counts with its last value, as RFC 7519 has it', async () => {
    const verdict = await verifier.verify(
      forge(HS256, '{"sub":"admin","sub":"user-2","exp":1800000000,"scope":"admin","scope":"read"}'),
    );
    expect(verdict).toMatchObject({ ok: true, identity: { sub: 'user-2', isAdmin: false } });
  });

  it('U4: claims that are not UTF-8 are refused, and a name in other letters too', async () => {
    const input = `${encode(HS256)}.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]).toString('base64url')}`;
    const token = `${input}.${createHmac('sha256', SECRET).update(input).digest('base64url')}`;
    expect(await refusalOf(token)).toBe('malformed');
    expect(await refusalOf(forge(HS256, { ...CLAIMS, sub: 'usеr-1' }))).toBe('claims');
  });

  it.each(['sub', 'exp'])('U3, U4: without %s is refused', async (claim) => {
    const claims: Record<string, unknown> = { ...CLAIMS };
    delete claims[claim];
    expect(await verifier.verify(forge(HS256, claims))).toEqual({
      ok: false,
      refusal: { code: 'claims', message: `the token has no claim "${claim}"` },
    });
  });

  it.each([{ exp: '1800000000' }, { nbf: '0' }, { nbf: null }, { iat: 'now' }, { exp: 1e20 }])(
    'U3: %j is no time',
    async (claims) => {
      expect(await refusalOf(forge(HS256, { ...CLAIMS, ...claims }))).toBe('claims');
    },
  );
});

it('U5: whatever is sent as a token, the answer is a short sentence without a part of it', async () => {
  const part = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.json().map((text) => encode(text)),
    fc.constantFrom(encode(HS256), encode(CLAIMS), encode({ alg: 'secret-alg' }), encode({ sub: 'secret-sub' })),
  );
  const text = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.array(part, { minLength: 2, maxLength: 4 }).map((p) => p.join('.')),
  );
  const signed = fc.dictionary(fc.constantFrom('sub', 'exp', 'sessions', 'scope', 'nbf', 'aud'), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        text,
        signed.map((claims) => forge(HS256, claims)),
      ),
      async (token) => {
        const verdict = await verifier.verify(token);
        if (verdict.ok) return;
        const { message } = verdict.refusal;
        expect(message.length).toBeLessThan(200);
        const pieces = token.split('.').filter((piece) => piece.length > 20);
        expect(pieces.filter((piece) => message.includes(piece))).toEqual([]);
        expect(message).not.toMatch(/secret-/);
      },
    ),
  );
});
