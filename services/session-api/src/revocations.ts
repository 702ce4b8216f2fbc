import { type Identity, isRevoked } from '@holdfast/auth';
import { type OrderStore, StorageUnavailableError } from '@holdfast/session-store';
import { unauthorized } from './errors.js';

/** An answer of Redis counts for so long. Milliseconds. */
const ANSWER_MS = 1_000;

/**
 * Refuses callers whose tokens are revoked (U12). Redis is asked about a user at most once a second: a process that was
 * cut off has missed nothing, and the callers of a busy user cost one question.
 */
export class Revocations {
  readonly #orders: Pick<OrderStore, 'find'>;
  readonly #now: () => number;
  /** What was asked since the last turn, by user. */
  #answers = new Map<string, Promise<number | undefined>>();
  #turnMs = 0;

  /** @param now monotonic milliseconds */
  constructor(orders: Pick<OrderStore, 'find'>, now: () => number = () => performance.now()) {
    this.#orders = orders;
    this.#now = now;
  }

  /**
   * @param passWhenAway whether the caller passes while Redis does not answer
   * @throws {ApiError} 401 for a revoked token
   * @throws {StorageUnavailableError} when Redis does not answer
   */
  async refuse(caller: Pick<Identity, 'sub' | 'issuedAtMs'>, passWhenAway: boolean): Promise<void> {
    const before = await this.#before(caller.sub).catch((error: unknown) => {
      if (passWhenAway && error instanceof StorageUnavailableError) return undefined;
      throw error;
    });
    if (isRevoked(caller, before)) throw unauthorized({ code: 'revoked', message: 'the token has been revoked' });
  }

  #before(sub: string): Promise<number | undefined> {
    const nowMs = this.#now();
    if (nowMs >= this.#turnMs) {
      this.#answers = new Map();
      this.#turnMs = nowMs + ANSWER_MS;
    }
    const known = this.#answers.get(sub);
    if (known) return known;
    const asked = this.#orders.find('revoked', [sub]).then(([before]) => before);
    this.#answers.set(sub, asked);
    return asked;
  }
}
