import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** A key of `SESSION_ENCRYPTION_KEYS`. */
export interface SealKey {
  /** Names the key in what it has sealed: 1 to 32 letters, digits, `_` and `-`. */
  readonly kid: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/**
 * Reads `SESSION_ENCRYPTION_KEYS`, for applications that have no `@holdfast/config`, which allows the same.
 *
 * @throws {RangeError} that says what is allowed, without the value
 */
export function sealFrom(text: string): Seal {
  if (text.trim() === '') return new Seal();
  const parts = text.split(',').map((part) => part.trim());
  const seals = parts[0] !== 'clear';
  const keys = parts.slice(seals ? 0 : 1).map((part) => {
    const [, kid, key] = /^([\w-]{1,32}):([A-Za-z0-9+/]{43}=?)$/.exec(part) ?? [];
    if (kid === undefined || key === undefined) {
      throw new RangeError('SESSION_ENCRYPTION_KEYS must be keys of the form NAME:BASE64, separated by commas');
    }
    return { kid, key: Buffer.from(key, 'base64') };
  });
  if (keys.length === 0) throw new RangeError('SESSION_ENCRYPTION_KEYS must have a key behind "clear"');
  return new Seal(keys, seals);
}

/** Why a sealed text cannot be opened: its key is not among ours, or text and key do not belong together. */
export type SealFault = 'key_missing' | 'not_authentic';

/** What {@link Seal.open} answers. */
export type Opened = { readonly text: string; readonly fault?: undefined } | { readonly fault: SealFault };

/** A token of {@link Seal.seal}: the key's name, a dot, and at least a nonce and a tag in base64url. */
export const SEALED = /^[\w-]{1,32}\.[\w-]{38,}$/;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Most sessions whose derived keys are remembered, at about a kilobyte each. */
const DERIVED_MAX = 8_192;

/** The two keys of one session under one key of the ring. */
interface Derived {
  readonly encryption: Buffer;
  readonly nonces: Buffer;
}

/**
 * Encrypts texts with AES-256-GCM (E1). Every session has keys of its own, derived from the first key of the ring by
 * HKDF-SHA-256.
 *
 * The nonce is a keyed hash (HMAC-SHA-256) of what is sealed and of what it is bound to, cut to 96 bits. So the same
 * message of the same sender gives the same token again, which scripts compare as texts (A4, G2), and two different
 * messages have the same nonce only by chance: with 2^32 messages in one session the chance is below 2^-32. Whoever
 * sees two equal tokens learns only that one message was sent twice.
 */
export class Seal {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #writer: SealKey | undefined;
  readonly #derived = new Map<string, Derived>();

  /**
   * @param keys all of them open; the first one seals
   * @param seals false: what is written stays in clear
   */
  constructor(keys: readonly SealKey[] = [], seals = true) {
    this.#keys = new Map(keys.map(({ kid, key }) => [kid, key]));
    this.#writer = seals ? keys[0] : undefined;
  }

  /** Whether there is any key. */
  get isOn(): boolean {
    return this.#keys.size > 0;
  }

  /** Whether what is written is sealed. */
  get seals(): boolean {
    return this.#writer !== undefined;
  }

  /**
   * Seals a text of a session. Only where {@link seals}.
   *
   * @param bound where the text belongs: it opens there only; without NUL bytes
   * @param isFresh for a text that nobody compares: its token is another one each time
   */
  seal(sessionId: string, bound: string, text: string, isFresh = false): string {
    if (!this.#writer) throw new Error('there is no key to seal with');
    const { kid, key } = this.#writer;
    const { encryption, nonces } = this.#of(kid, key, sessionId);
    const nonce = isFresh
      ? randomBytes(NONCE_BYTES)
      : createHmac('sha256', nonces).update(`${bound}\0${text}`).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', encryption, nonce);
    cipher.setAAD(Buffer.from(bound));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${kid}.${sealed.toString('base64url')}`;
  }

  /** Opens what {@link seal} has made of a text. Never throws. @param bound as it was sealed with */
  open(sessionId: string, bound: string, token: string): Opened {
    const dot = token.indexOf('.');
    const kid = token.slice(0, dot);
    const key = this.#keys.get(kid);
    if (!key) return { fault: 'key_missing' };
    const sealed = Buffer.from(token.slice(dot + 1), 'base64url');
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return { fault: 'not_authentic' };
    const end = sealed.length - TAG_BYTES;
    const { encryption } = this.#of(kid, key, sessionId);
    const decipher = createDecipheriv('aes-256-gcm', encryption, sealed.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(bound));
    decipher.setAuthTag(sealed.subarray(end));
    const text = decipher.update(sealed.subarray(NONCE_BYTES, end));
    try {
      return { text: Buffer.concat([text, decipher.final()]).toString() };
    } catch {
      // The only reason: the tag does not fit.
      return { fault: 'not_authentic' };
    }
  }

  #of(kid: string, key: Buffer, sessionId: string): Derived {
    const name = `${kid}.${sessionId}`;
    const known = this.#derived.get(name);
    if (known) return known;
    const both = Buffer.from(hkdfSync('sha256', key, '', `holdfast session ${sessionId}`, 64));
    const derived = { encryption: both.subarray(0, 32), nonces: both.subarray(32) };
    if (this.#derived.size >= DERIVED_MAX) this.#derived.clear();
    this.#derived.set(name, derived);
    return derived;
  }
}
