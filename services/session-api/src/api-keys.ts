import { createHash, timingSafeEqual } from 'node:crypto';
import type { Identity } from '@holdfast/auth';

/** Whoever has a key may do everything in all sessions (M3). A member is never called so. */
export const BACK_END: Identity = {
  sub: 'server',
  mayEnter: () => true,
  mayEnterAll: true,
  canRead: true,
  canWrite: true,
  isAdmin: true,
  expiresAtMs: Number.POSITIVE_INFINITY,
  issuedAtMs: undefined,
};

/** The keys of back ends (`API_KEYS`). Only hashes of them are kept, and nothing shows one. */
export class ApiKeys {
  readonly #hashes: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#hashes = keys.map(hashOf);
  }

  /** How many there are; 0: nobody is asked for one. */
  get size(): number {
    return this.#hashes.length;
  }

  /**
   * Compares a text with every key, in a time that does not depend on what they have in common.
   *
   * @returns a name for the key that does not tell it, or nothing where it is no key
   */
  nameOf(given: string): string | undefined {
    const hash = hashOf(given);
    let found: Buffer | undefined;
    for (const each of this.#hashes) if (timingSafeEqual(each, hash)) found = each;
    return found && createHash('sha256').update(found).digest('base64url').slice(0, 11);
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
