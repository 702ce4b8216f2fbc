import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TokenVerifier } from '@holdfast/auth';
import { ConfigError } from '@holdfast/config';
import { describe, expect, it } from 'vitest';
import { tokenFor, UsageError } from './token-command.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const ENV = { AUTH_JWT_SECRET: SECRET };

describe('npm run token', () => {
  it('U1, U3, U4: gives a token with the newest secret, the audience and the issuer of the settings', async () => {
    const settings = { AUTH_JWT_SECRET: `${SECRET},${'o'.repeat(32)}`, AUTH_AUDIENCE: 'chat', AUTH_ISSUER: 'here' };
    const token = await tokenFor(
      ['--sub', 'ann', '--sessions', 'team-*,news', '--sessions', 'x', '--ttl', '2m'],
      settings,
    );
    const verdict = await new TokenVerifier({ secrets: [SECRET], audience: 'chat', issuer: 'here' }).verify(token);
    if (!verdict.ok) throw new Error(verdict.refusal.message);
    const { identity } = verdict;
    expect(identity).toMatchObject({ sub: 'ann', canRead: true, canWrite: true, isAdmin: false });
    expect(['team-1', 'news', 'x', 'y'].map(identity.mayEnter)).toEqual([true, true, true, false]);
    expect(identity.expiresAtMs - (identity.issuedAtMs ?? 0)).toBe(120_000);
  });

  it.each([
    [['--sub', 'ann'], {}, /^AUTH_JWT_SECRET must be set/],
    [[], ENV, /^--sub must say whose token it is/],
    [['--sub', 'two words'], ENV, /^gateways would refuse this token: the claim "sub" must be/],
    [['--sub', 'ann', '--sessions', 'a*b'], ENV, /the claim "sessions" must list/],
    [['--sub', 'ann', '--ttl', 'soon'], ENV, /^--ttl must be a whole number/],
    [['--sub', 'ann', '--ttl', '0'], ENV, /^--ttl must be a whole number/],
    [['--who', 'ann'], ENV, /--who/],
    [['--sub', 'ann', '--env-file', '/nowhere/secrets.env'], ENV, /^--env-file \/nowhere\/secrets.env: ENOENT/],
  ])('says what is wrong with %j', async (args, env, message) => {
    const failing = tokenFor(args, env);
    await expect(failing).rejects.toThrow(UsageError);
    await expect(failing).rejects.toThrow(message);
  });

  it('N4: takes the secret of a file, such as the one that compose reads, before that of the environment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-token-'));
    try {
      const file = join(folder, 'secrets.env');
      await writeFile(file, `ADMIN_TOKEN=${'a'.repeat(43)}\nAUTH_JWT_SECRET=${'f'.repeat(43)}\n`);
      const token = await tokenFor(['--sub', 'ann', '--env-file', file], ENV);
      expect(await new TokenVerifier({ secrets: ['f'.repeat(43)] }).verify(token)).toMatchObject({ ok: true });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says what is wrong with the settings', async () => {
    await expect(tokenFor(['--sub', 'ann'], { AUTH_JWT_SECRET: 'short' })).rejects.toThrow(ConfigError);
  });
});
