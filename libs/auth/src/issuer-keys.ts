import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
  type LocalJWKSet,
} from 'jose';

export interface IssuerKeysOptions {
  /** `AUTH_JWKS_URL`: https, or http on this machine. The configuration checks that. */
  readonly url: string;
  /** Hears why the keys could not be had; one sentence. */
  readonly onProblem: (problem: string) => void;
  /** For a whole answer, milliseconds. Default: 5 seconds. */
  readonly timeoutMs?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** No keys of the issuer have been had yet, so no token can be checked. */
export class KeysUnavailableError extends Error {
  override readonly name = 'KeysUnavailableError';
}

/** An issuer that takes a key back is obeyed after this long at most. Milliseconds, as the times below. */
const REFRESH_MS = 300_000;
/** Least time between two requests because of tokens that name a key which is not known. */
const UNKNOWN_KEY_MS = 60_000;
/** A failed request is repeated after this long at first, then after twice as long each time. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 100;

/**
 * The public keys of a token issuer (U2). They are fetched once at the start and then in the background. While the issuer
 * is away, or answers something else, the last good keys go on counting.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #now: () => number;
  #keys: LocalJWKSet | undefined;
  #fetching: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_MS;
  #askedForUnknownMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Begins to fetch. @returns resolves when the first request has ended, however it has ended */
  start(): Promise<void> {
    return this.#fetch();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /**
   * The one key that a token is signed with. Never a secret: the key set has public keys only.
   *
   * @throws {KeysUnavailableError} while no keys have been had
   * @throws {errors.JOSEError} when no key, or more than one, fits the token's header
   */
  readonly keyFor = async (header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> => {
    // The first request may be on its way.
    if (!this.#keys) await this.#fetching;
    if (!this.#keys) throw new KeysUnavailableError('the keys of the token issuer cannot be had at the moment');
    try {
      return await this.#keys(header, token);
    } catch (error) {
      // A key that is not known may be new.
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#mayAskForUnknown()) throw error;
      await this.#fetch();
      return await this.#keys(header, token);
    }
  };

  /** Anybody can send a token that names an unknown key: the issuer must not feel how many do. */
  #mayAskForUnknown(): boolean {
    if (this.#fetching) return true;
    const nowMs = this.#now();
    if (nowMs - this.#askedForUnknownMs < UNKNOWN_KEY_MS) return false;
    this.#askedForUnknownMs = nowMs;
    return true;
  }

  /** Whoever asks meanwhile waits for the same request. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    clearTimeout(this.#timer);
    let nextMs = REFRESH_MS;
    try {
      this.#keys = keySetOf(await download(this.#options.url, this.#options.timeoutMs ?? TIMEOUT_MS));
      this.#retryMs = RETRY_MS;
    } catch (error) {
      nextMs = this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS);
      if (!this.#closed) this.#options.onProblem(problemOf(error));
    }
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#fetch(), nextMs);
    // Waiting for the next refresh is no reason for a process to stay.
    this.#timer.unref();
  }
}

/** @throws {Error} when the text is not a set of public keys */
function keySetOf(text: string): LocalJWKSet {
  const set = JSON.parse(text) as JSONWebKeySet;
  const keys = createLocalJWKSet(set);
  // An answer without keys is rather a mistake than the wish to refuse everybody.
  if (set.keys.length === 0) throw new Error('the answer has no keys');
  if (set.keys.length > MAX_KEYS) throw new Error(`the answer has more than ${MAX_KEYS} keys`);
  return keys;
}

/** Follows no redirect, because the operator has allowed this address and no other. */
async function download(url: string, timeoutMs: number): Promise<string> {
  const answer = await fetch(url, {
    redirect: 'manual',
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  try {
    if (answer.status !== 200) throw new Error(`the answer has status ${answer.status}, where 200 is expected`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw new Error(`the answer has more than ${MAX_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    // An answer that is not read to its end would keep its connection.
    if (answer.body && !answer.body.locked) await answer.body.cancel();
  }
}

function problemOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'the answer is not JSON';
  if (!(error instanceof Error)) return String(error);
  // `fetch` hides the reason in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
