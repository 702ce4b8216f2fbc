import { readFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';
import { signToken, TokenVerifier } from '@holdfast/auth';
import { loadConfig } from '@holdfast/config';
import type { Environment } from './settings.js';

/** The command line or the environment is not right. The message is for whoever typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const USAGE =
  "npm run --silent token -- --sub user-1 --sessions 'team-*' [--scope 'read write'] [--ttl 1h] [--env-file FILE]";
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * A token for development, signed with the newest secret of `AUTH_JWT_SECRET`, for the audience and the issuer of the
 * settings (U1 to U4).
 *
 * @param args `--sub`, `--sessions` (several, or separated by commas), `--scope`, `--ttl`, and `--env-file`: a file of
 *   settings, such as `deploy/env/secrets.env`, which count before those of the environment
 * @throws {UsageError} in one sentence
 * @throws {ConfigError} when the settings contradict each other
 */
export async function tokenFor(args: readonly string[], env: Environment): Promise<string> {
  const { sub, sessions = [], scope, ttl, 'env-file': file } = read(args);
  if (sub === undefined) throw new UsageError(`--sub must say whose token it is: ${USAGE}`);
  const { auth } = loadConfig('gateway', file === undefined ? env : { ...env, ...settingsIn(file) });
  const [secret] = auth?.secrets ?? [];
  if (!auth || secret === undefined) {
    throw new UsageError('AUTH_JWT_SECRET must be set, to the secret of the gateways: tokens are signed with it');
  }
  const { audience, issuer } = auth;
  const token = await signToken(secret, {
    sub,
    sessions: sessions.flatMap((list) => list.split(',')),
    scope,
    ttl: secondsOf(ttl),
    ...(audience !== undefined && { audience }),
    ...(issuer !== undefined && { issuer }),
  });
  const verdict = await new TokenVerifier({ ...auth, secrets: [secret] }).verify(token);
  if (!verdict.ok) throw new UsageError(`gateways would refuse this token: ${verdict.refusal.message}`);
  return token;
}

function read(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        sub: { type: 'string' },
        sessions: { type: 'string', multiple: true },
        scope: { type: 'string', default: 'read write' },
        ttl: { type: 'string', default: '1h' },
        'env-file': { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

function settingsIn(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--env-file ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function secondsOf(ttl: string): number {
  const [, digits, unit = 's'] = /^(\d{1,8})([smhd])?$/.exec(ttl) ?? [];
  const seconds = Number(digits) * (SECONDS[unit] ?? 1);
  if (!(seconds > 0))
    throw new UsageError('--ttl must be a whole number of seconds, or one with s, m, h or d behind it');
  return seconds;
}
