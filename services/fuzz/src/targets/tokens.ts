import { createHmac } from 'node:crypto';
import { isSubject, TOKEN_MAX_LENGTH, TokenVerifier, type Verdict } from '@holdfast/auth';
import { must, type Target } from '../target.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const NOW_MS = 1_700_000_000_000;
const verifier = new TokenVerifier(
  { secrets: [SECRET], audience: 'chat', issuer: 'https://id.example' },
  { now: () => NOW_MS },
);

/** The header and the claims of the tokens in the corpus that are good. */
const GOOD = /^eyJhbGciOiJIUzI1NiJ9\.eyJzdWIiOiJ1c2VyLTEi/;

/** Tokens as strangers send them (U1). Nobody without the secret makes one that counts. */
export const tokens: Target = {
  name: 'tokens',
  words: [
    '.',
    '..',
    'eyJhbGciOiJIUzI1NiJ9',
    'eyJhbGciOiJub25lIn0',
    'e30',
    '=',
    '-',
    '_',
    'Bearer ',
    '\0',
    '\n',
    'AAAA',
  ],
  async run(input) {
    const verdict = await verifier.verify(input);
    if (!verdict.ok) return refusal(verdict, input);
    // Other last characters of the signature may stand for the same bytes.
    must(GOOD.test(input) && verdict.identity.sub === 'user-1', 'a token counts that nobody signed');
    return 'accepted';
  },
};

/** Claims as an issuer signs them, of any form (U3, U4). */
export const claims: Target = {
  name: 'claims',
  words: [
    ...['"sub":', '"exp":', '"nbf":', '"iat":', '"aud":', '"iss":', '"sessions":', '"scope":', '"chat"', '"*"', '["'],
    ...['"read write"', '"admin"', '"server"', '"..":', '{', '}', '[', ']', ',', 'null', 'true', '"__proto__":'],
    ...['1700000060', '1699999999', '1e12', '"https://id.example"', '\\u0000', '\\n', '  '],
  ],
  async run(input) {
    const token = sign(input);
    const verdict = await verifier.verify(token);
    if (!verdict.ok) return refusal(verdict, input);
    const { sub, expiresAtMs, canRead, canWrite } = verdict.identity;
    must(isSubject(sub), 'a name that is none');
    must(Number.isFinite(expiresAtMs) && expiresAtMs > NOW_MS, 'a token without an end');
    must(typeof canRead === 'boolean' && typeof canWrite === 'boolean', 'rights that are neither given nor not');
    must(typeof verdict.identity.mayEnter('room') === 'boolean', 'a session that is neither open nor not');
    return 'accepted';
  },
};

function refusal(verdict: Extract<Verdict, { ok: false }>, input: string): string {
  const { code, message } = verdict.refusal;
  must(message.length > 0 && message.length < 300, 'a refusal that is no sentence');
  // U5: names of claims are allowed, longer parts are values.
  for (const [part] of input.slice(0, TOKEN_MAX_LENGTH).matchAll(/[\w-]{24,}/g)) {
    must(!message.includes(part), 'a refusal repeats a part of the token');
  }
  return code;
}

function sign(text: string): string {
  const signed = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(text, 'latin1').toString('base64url')}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}
