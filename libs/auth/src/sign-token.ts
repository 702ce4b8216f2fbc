import { SignJWT } from 'jose';

/** What a token is to say (U4). */
export interface TokenContents {
  readonly sub: string;
  /** Ids of sessions, or beginnings of ids that end in `*`. */
  readonly sessions: readonly string[];
  /** `read`, `write` and `admin`, separated by spaces. */
  readonly scope: string;
  readonly audience?: string;
  readonly issuer?: string;
  /** Seconds, whole or not. */
  readonly ttl: number;
}

/** Signs a token with one of the secrets of `AUTH_JWT_SECRET` (HS256). For development, back ends and tests. */
export function signToken(secret: string, contents: TokenContents, nowMs = Date.now()): Promise<string> {
  const { sub, sessions, scope, audience, issuer, ttl } = contents;
  const seconds = nowMs / 1000;
  return new SignJWT({
    sub,
    sessions: [...sessions],
    scope,
    ...(audience !== undefined && { aud: audience }),
    ...(issuer !== undefined && { iss: issuer }),
    iat: Math.floor(seconds),
    exp: Number.isInteger(ttl) ? Math.floor(seconds) + ttl : seconds + ttl,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(Buffer.from(secret));
}
