import { isSessionId } from '@holdfast/protocol';

/** Who a token speaks for, and what its bearer may do until it expires (U4). */
export interface Identity {
  /** The name that other members see as `sender` (C7). It needs no escapes in JSON. */
  readonly sub: string;
  /** Whether the token names this session. */
  mayEnter(sessionId: string): boolean;
  /** Whether the token names every session that there is or will be. */
  readonly mayEnterAll: boolean;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  readonly isAdmin: boolean;
  /** The token counts before this moment and not from it on. Unix milliseconds. */
  readonly expiresAtMs: number;
  /** Unix milliseconds; undefined where the token does not say. */
  readonly issuedAtMs: number | undefined;
}

/** A claim of a token is missing or has another form than U4 allows. The message names the claim, never its value. */
export class ClaimError extends Error {
  override readonly name = 'ClaimError';
}

/** What a `sub` must be, in words that follow "must be". */
export const SUBJECT_RULE =
  '1 to 128 of A-Z a-z 0-9 . _ ~ - @ | + : / =, and neither . nor .. nor the name of back ends, server';
/** The same as an expression. `server` is what the messages of back ends are signed with, so no user is called so. */
export const SUBJECT_PATTERN = String.raw`^(?!(?:\.{1,2}|server)$)[A-Za-z0-9._~\-@|+:/=]{1,128}$`;
const SUBJECT = new RegExp(SUBJECT_PATTERN);

/** The beginning of a session id, before the `*`. */
const PREFIX = /^[A-Za-z0-9._~-]{0,128}$/;
/** The greatest time that a JavaScript date can have. */
const LAST_MOMENT_MS = 8.64e15;

/** Whether a value may be the `sub` of a token, and with it a sender's name. */
export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && SUBJECT.test(value);
}

/**
 * Reads the claims of a token whose signature is good (U4).
 *
 * @throws {ClaimError} when one is missing or has the wrong form
 */
export function identityOf(claims: Readonly<Record<string, unknown>>): Identity {
  const { sub, exp, iat } = claims;
  if (!isSubject(sub)) throw new ClaimError(`the claim "sub" must be ${SUBJECT_RULE}`);
  const scope = scopeOf(claims['scope']);
  const isAdmin = scope.has('admin');
  const { ids, prefixes } = patternsOf(claims['sessions'], isAdmin);
  const mayEnterAll = prefixes.includes('');
  return {
    sub,
    mayEnter: (id) => mayEnterAll || ids.has(id) || prefixes.some((prefix) => id.startsWith(prefix)),
    mayEnterAll,
    canRead: isAdmin || scope.has('read'),
    canWrite: isAdmin || scope.has('write'),
    isAdmin,
    expiresAtMs: momentOf('exp', exp),
    issuedAtMs: iat === undefined ? undefined : momentOf('iat', iat),
  };
}

/**
 * Whether a token counts no more because of a revocation (U12): it was issued before, or does not say when.
 *
 * @param beforeMs Unix milliseconds; undefined: nothing is revoked
 */
export function isRevoked({ issuedAtMs = 0 }: Pick<Identity, 'issuedAtMs'>, beforeMs: number | undefined): boolean {
  return beforeMs !== undefined && issuedAtMs < beforeMs;
}

/** A token that does not say what its bearer may do lets them read. */
function scopeOf(scope: unknown): ReadonlySet<string> {
  if (scope === undefined) return new Set(['read']);
  if (typeof scope !== 'string') throw new ClaimError('the claim "scope" must be words separated by spaces');
  return new Set(scope.split(' '));
}

/** A token that names no sessions opens none, and all of them to an administrator. */
function patternsOf(sessions: unknown, isAdmin: boolean): { ids: ReadonlySet<string>; prefixes: readonly string[] } {
  const ids = new Set<string>();
  const prefixes: string[] = [];
  if (sessions === undefined) return { ids, prefixes: isAdmin ? [''] : [] };
  if (!Array.isArray(sessions)) throw new ClaimError('the claim "sessions" must be a list');
  for (const pattern of sessions as unknown[]) {
    if (isSessionId(pattern)) ids.add(pattern);
    else if (typeof pattern === 'string' && pattern.endsWith('*') && PREFIX.test(pattern.slice(0, -1))) {
      prefixes.push(pattern.slice(0, -1));
    } else throw new ClaimError('the claim "sessions" must list ids of sessions, or beginnings of ids that end in *');
  }
  return { ids, prefixes };
}

/** @returns Unix milliseconds */
function momentOf(claim: string, seconds: unknown): number {
  const ms = typeof seconds === 'number' ? Math.floor(seconds * 1000) : Number.NaN;
  if (!(ms > 0 && ms <= LAST_MOMENT_MS)) throw new ClaimError(`the claim "${claim}" must be a time in Unix seconds`);
  return ms;
}
