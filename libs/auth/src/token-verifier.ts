import { createSecretKey, type KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { ClaimError, type Identity, identityOf, isRevoked } from './identity.js';
import { IssuerKeys, KeysUnavailableError } from './issuer-keys.js';

/** How tokens are checked. At least one of `secrets` and `jwksUrl` is given. */
export interface AuthSettings {
  /** Of HS256. Each one is accepted, so that a new one can be put before the old one (`AUTH_JWT_SECRET`). */
  readonly secrets: readonly string[];
  /** Where the public keys of the issuer are (`AUTH_JWKS_URL`). */
  readonly jwksUrl?: string;
  /** Must be among the `aud` of a token. Absent: not looked at. */
  readonly audience?: string;
  /** Must be the `iss` of a token. Absent: not looked at. */
  readonly issuer?: string;
  /** Longest life of a token, seconds: a longer one could outlive its revocation (U12). Absent: not looked at. */
  readonly maxTokenSeconds?: number;
}

export interface TokenVerifierOptions {
  /** Since when the tokens of a user count, if older ones are revoked (U12). Unix milliseconds. Default: always. */
  readonly revokedBefore?: (sub: string) => number | undefined;
  /** Hears why the keys of the issuer could not be had; one sentence, without any token. */
  readonly onProblem?: (problem: string) => void;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** Why a token is refused. `unavailable` is no fault of the token: the issuer's keys are not known yet. */
export type TokenRefusalCode =
  | 'missing'
  | 'malformed'
  | 'algorithm'
  | 'signature'
  | 'expired'
  | 'revoked'
  | 'not_yet_valid'
  | 'audience'
  | 'issuer'
  | 'claims'
  | 'unavailable';

export interface TokenRefusal {
  readonly code: TokenRefusalCode;
  /** One sentence for whoever sent the token. It never has a part of the token in it (U5). */
  readonly message: string;
}

export type Verdict =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly refusal: TokenRefusal };

/** A longer token is refused unread. Characters. */
export const TOKEN_MAX_LENGTH = 8_192;

/** Header, claims and signature. The library would take white space in them too. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const SYMMETRIC = 'HS256';
/** Algorithms of the issuer's keys. None of them can be computed with a public key, as HS256 could (U1). */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const SENTENCES: Readonly<Record<Exclude<TokenRefusalCode, 'claims'>, string>> = {
  missing: 'a token is needed, as Authorization: Bearer or as the query field token',
  malformed: 'the token is not a signed JSON web token',
  algorithm: 'the token is signed with an algorithm that is not accepted here',
  signature: 'the token is not signed with a key that is known here',
  expired: 'the token has expired',
  revoked: 'the token has been revoked',
  not_yet_valid: 'the token is not valid yet',
  audience: 'the token is meant for another audience',
  issuer: 'the token is from another issuer',
  unavailable: 'tokens cannot be checked at the moment, because the keys of their issuer are not known',
};

/**
 * Says who a token speaks for (U1 to U5). Keeps nothing of the tokens it has seen, so it can be asked about any number
 * of them.
 */
export class TokenVerifier {
  readonly #secrets: readonly KeyObject[];
  readonly #keys: IssuerKeys | undefined;
  readonly #expected: Pick<JWTVerifyOptions, 'audience' | 'issuer' | 'requiredClaims'>;
  readonly #maxTokenMs: number;
  readonly #revokedBefore: (sub: string) => number | undefined;
  readonly #now: () => number;

  constructor(
    settings: AuthSettings,
    { onProblem = () => undefined, now = Date.now, revokedBefore = () => undefined }: TokenVerifierOptions = {},
  ) {
    this.#secrets = settings.secrets.map((secret) => createSecretKey(Buffer.from(secret)));
    this.#keys = settings.jwksUrl === undefined ? undefined : new IssuerKeys({ url: settings.jwksUrl, onProblem });
    this.#expected = {
      requiredClaims: ['sub', 'exp'],
      ...(settings.audience !== undefined && { audience: settings.audience }),
      ...(settings.issuer !== undefined && { issuer: settings.issuer }),
    };
    this.#maxTokenMs = (settings.maxTokenSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    this.#revokedBefore = revokedBefore;
    this.#now = now;
  }

  /** Begins to fetch the issuer's keys, where there is one. @returns resolves when the first request has ended */
  async start(): Promise<void> {
    await this.#keys?.start();
  }

  close(): void {
    this.#keys?.close();
  }

  /** Never throws. @param token undefined where the caller has none */
  async verify(token: string | undefined): Promise<Verdict> {
    if (token === undefined || token === '') return refused('missing');
    if (token.length > TOKEN_MAX_LENGTH)
      return refused('malformed', `a token has at most ${TOKEN_MAX_LENGTH} characters`);
    if (!COMPACT.test(token)) return refused('malformed');
    const nowMs = this.#now();
    try {
      const identity = identityOf(await this.#claimsOf(token, new Date(nowMs)));
      // The library compares whole seconds only.
      if (identity.expiresAtMs <= nowMs) return refused('expired');
      if (this.#livesTooLong(identity, nowMs))
        return refused('claims', 'the token is valid for longer than is accepted');
      if (isRevoked(identity, this.#revokedBefore(identity.sub))) return refused('revoked');
      return { ok: true, identity };
    } catch (error) {
      return refusalOf(error);
    }
  }

  /**
   * The token's own `alg` decides only whether the secrets or the issuer's keys are asked; neither is ever used for an
   * algorithm of the other (U1).
   */
  async #claimsOf(token: string, currentDate: Date): Promise<JWTPayload> {
    const options = { ...this.#expected, currentDate };
    const { alg } = decodeProtectedHeader(token);
    if (alg === SYMMETRIC && this.#secrets.length > 0) return this.#checkSecrets(token, options);
    if (this.#keys && ASYMMETRIC.includes(alg ?? '')) {
      const { payload } = await jwtVerify(token, this.#keys.keyFor, { ...options, algorithms: ASYMMETRIC });
      return payload;
    }
    throw new errors.JOSEAlgNotAllowed('not an algorithm of the settings');
  }

  /** A token that does not say when it was issued, or says a time to come, counts as issued now (U12). */
  #livesTooLong({ expiresAtMs, issuedAtMs }: Identity, nowMs: number): boolean {
    return expiresAtMs - Math.min(issuedAtMs ?? nowMs, nowMs) > this.#maxTokenMs;
  }

  async #checkSecrets(token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    let last: unknown;
    for (const secret of this.#secrets) {
      try {
        const { payload } = await jwtVerify(token, secret, { ...options, algorithms: [SYMMETRIC] });
        return payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
        last = error;
      }
    }
    throw last;
  }
}

function refusalOf(error: unknown): Verdict {
  if (error instanceof ClaimError) return refused('claims', error.message);
  if (error instanceof KeysUnavailableError) return refused('unavailable');
  if (error instanceof errors.JWTExpired) return refused('expired');
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefused(error);
  if (error instanceof errors.JOSEAlgNotAllowed) return refused('algorithm');
  const noKey =
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSInvalid;
  if (noKey) return refused('signature');
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return refused('signature', 'the issuer has several keys that fit: the token must name its key as kid');
  }
  return refused('malformed');
}

function claimRefused({ claim, reason }: errors.JWTClaimValidationFailed): Verdict {
  if (reason === 'missing') return refused('claims', `the token has no claim "${claim}"`);
  if (reason === 'invalid') return refused('claims', `the claim "${claim}" must be a number`);
  if (claim === 'nbf') return refused('not_yet_valid');
  return refused(claim === 'aud' ? 'audience' : 'issuer');
}

function refused(code: 'claims', message: string): Verdict;
function refused(code: Exclude<TokenRefusalCode, 'claims'>, message?: string): Verdict;
function refused(code: TokenRefusalCode, message?: string): Verdict {
  return { ok: false, refusal: { code, message: message ?? SENTENCES[code as keyof typeof SENTENCES] } };
}
