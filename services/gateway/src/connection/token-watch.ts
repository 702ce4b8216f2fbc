import { type Identity, isRevoked, type Verdict } from '@holdfast/auth';
import { CLOSE, type CloseCode, type ServerFrame } from '@holdfast/protocol';
import type { Clock, Timer } from '../ports/clock.js';

/** A connection whose token expires. */
export interface TokenHolder {
  readonly closed: boolean;
  readonly sessionId: string;
  /** The `sub` of its token (C7). */
  readonly sender: string;
  /** Whether it may send. Frames ask this, so that a token costs a message nothing more. */
  mayWrite: boolean;
  /** Unix second at which it is closed. The watch keeps it here, so that a connection costs no further object. */
  expirySecond: number;
  /** Unix second at which its token was issued; 0 where that does not say. */
  issuedSecond: number;
  tell(frame: ServerFrame): void;
  close(code: CloseCode): void;
}

/** A client whose token could not be checked may try again after this many milliseconds. */
const RETRY_AFTER_MS = 5_000;

/**
 * Every connection that came with a token, by the second at which that expires: one timer closes them all in time (U8).
 * A token that comes in mid-connection takes the place of the one before (V22).
 */
export class TokenWatch {
  readonly #clock: Clock;
  readonly #verify: (token: string) => Promise<Verdict>;
  readonly #revokedBefore: (sub: string) => number | undefined;
  readonly #bySecond = new Map<number, Set<TokenHolder>>();
  #timer: Timer | undefined;

  /**
   * @param verify never rejects
   * @param revokedBefore since when the tokens of a user count (U12); Unix milliseconds
   */
  constructor(
    clock: Clock,
    verify: (token: string) => Promise<Verdict>,
    revokedBefore: (sub: string) => number | undefined = () => undefined,
  ) {
    this.#clock = clock;
    this.#verify = verify;
    this.#revokedBefore = revokedBefore;
  }

  /** The connection has come with a token of this identity, or has brought a new one. */
  watch(holder: TokenHolder, identity: Pick<Identity, 'sub' | 'canWrite' | 'expiresAtMs' | 'issuedAtMs'>): void {
    const { sub, canWrite, expiresAtMs, issuedAtMs = 0 } = identity;
    this.forget(holder);
    holder.mayWrite = canWrite;
    holder.expirySecond = Math.ceil(expiresAtMs / 1000);
    holder.issuedSecond = Math.floor(issuedAtMs / 1000);
    // The revocation may have come since the token was checked. The socket may be on its way into the hands of its server.
    if (isRevoked(identity, this.#revokedBefore(sub))) this.#clock.defer(() => holder.close(CLOSE.unauthorized));
    const together = this.#bySecond.get(holder.expirySecond);
    if (together) together.add(holder);
    else this.#bySecond.set(holder.expirySecond, new Set([holder]));
    this.#timer ??= this.#nextSecond();
  }

  /** Does nothing for a connection that is not watched. */
  forget(holder: TokenHolder): void {
    const together = this.#bySecond.get(holder.expirySecond);
    if (together?.delete(holder) && together.size === 0) this.#bySecond.delete(holder.expirySecond);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#bySecond.clear();
  }

  /**
   * Replaces the connection's token (V22): from here on only the new one counts. One that is no good, or belongs to
   * somebody else or elsewhere, ends the connection.
   */
  async renew(holder: TokenHolder, token: string): Promise<void> {
    const verdict = await this.#verify(token);
    if (holder.closed) return;
    if (verdict.ok) {
      const { identity } = verdict;
      const mayStay = identity.sub === holder.sender && identity.canRead && identity.mayEnter(holder.sessionId);
      if (mayStay) return this.watch(holder, identity);
      holder.tell({
        type: 'error',
        code: 'forbidden',
        message: 'the new token is not for this member in this session',
      });
      return holder.close(CLOSE.forbidden);
    }
    const { code, message } = verdict.refusal;
    if (code === 'unavailable') {
      return holder.tell({ type: 'error', code: 'overloaded', message, retryAfterMs: RETRY_AFTER_MS });
    }
    holder.tell({ type: 'error', code: 'unauthorized', message });
    holder.close(CLOSE.unauthorized);
  }

  #nextSecond(): Timer {
    return this.#clock.setTimeout(() => this.#closeExpired(), 1_000 - (this.#clock.now() % 1_000));
  }

  #closeExpired(): void {
    const second = Math.floor(this.#clock.now() / 1_000);
    for (const [expirySecond, together] of this.#bySecond) {
      if (expirySecond > second) continue;
      this.#bySecond.delete(expirySecond);
      for (const holder of together) holder.close(CLOSE.unauthorized);
    }
    this.#timer = this.#bySecond.size > 0 ? this.#nextSecond() : undefined;
  }
}
