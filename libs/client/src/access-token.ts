import type { ClientFrame, ErrorFrame } from '@holdfast/protocol';
import { backoffDelay } from './backoff.js';
import { Timer } from './clock.js';
import type { Settings, TokenSource } from './options.js';

/** A token is renewed 30 to 60 s before it expires; one that lives for less than 120 s a quarter to half of that before. */
const MARGIN_MS = 60_000;
/** The shortest time until a renewal, for a token that has hardly any time left. */
const SHORTEST_MS = 100;
/** The shortest time between a failed renewal and the next. */
const PAUSE_MS = 1_000;
/** A refusal that comes later than this after a token was sent is about something else. */
const ANSWER_MS = 10_000;
/** `setTimeout` takes no more than 2^31 - 1 ms. */
const LONGEST_TIMER_MS = 86_400_000;

/** The client's access token: asked for before each connection, and renewed on the open one before it expires (V22). */
export class AccessToken {
  readonly #settings: Settings;
  readonly #send: (frame: ClientFrame) => void;
  readonly #failed: (error: unknown) => void;
  readonly #timer: Timer;
  #source: TokenSource | undefined;
  /** Whether the source was replaced since it was asked last. */
  #isReplaced = false;
  #isOpen = false;
  /** The token that counts on the open connection. */
  #token: string | undefined;
  /** When that was sent in a frame, monotonic milliseconds. */
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Unix milliseconds by the server's clock, less monotonic ones by this machine's. */
  #serverOffset = 0;
  /** Counts renewals. What an earlier one brings does not count. */
  #round = 0;
  #failures = 0;

  /**
   * @param send sends on the open connection
   * @param failed is told why a renewal failed
   */
  constructor(settings: Settings, send: (frame: ClientFrame) => void, failed: (error: unknown) => void) {
    this.#settings = settings;
    this.#source = settings.token;
    this.#send = send;
    this.#failed = failed;
    this.#timer = new Timer(settings.clock);
  }

  /** Whether asking again may give another token. */
  get isRenewable(): boolean {
    return typeof this.#source === 'function';
  }

  /** Gives a promise only where the application does. Throws, or rejects, what its function does. */
  ask(): string | undefined | Promise<string> {
    this.#isReplaced = false;
    return typeof this.#source === 'function' ? this.#source() : this.#source;
  }

  replace(source: TokenSource): void {
    this.#source = source;
    this.#isReplaced = true;
    if (this.#isOpen) void this.#renew();
  }

  /**
   * A connection is open.
   *
   * @param token what it was opened with
   * @param serverTime Unix milliseconds. Expiry is measured by the server's clock, because that decides.
   */
  opened(token: string | undefined, serverTime: number): void {
    this.stop();
    this.#isOpen = true;
    this.#token = token;
    this.#serverOffset = serverTime - this.#settings.clock.monotonic();
    if (this.#isReplaced) void this.#renew();
    else this.#plan();
  }

  /** No connection is open. */
  stop(): void {
    this.#isOpen = false;
    this.#round += 1;
    this.#failures = 0;
    this.#timer.clear();
  }

  /** The gateway has left something undone that may have been the new token: it cannot check it now, or too much came. */
  refused({ id, retryAfterMs }: ErrorFrame): void {
    const token = this.#token;
    if (id !== undefined || retryAfterMs === undefined || token === undefined) return;
    if (this.#settings.clock.monotonic() - this.#sentAt > ANSWER_MS) return;
    this.#timer.set(Math.max(retryAfterMs, PAUSE_MS), () => this.#give(token));
  }

  async #renew(): Promise<void> {
    const round = ++this.#round;
    const isNewest = () => round === this.#round;
    this.#timer.set(this.#settings.connectTimeoutMs, () => this.#tryAgain('no token in time'));
    try {
      const answer = this.ask();
      const token = answer instanceof Promise ? await answer : answer;
      if (!isNewest()) return;
      if (!token) throw new TypeError('the token is empty');
      this.#failures = 0;
      if (token === this.#token) this.#plan();
      else this.#give(token);
    } catch (error) {
      if (isNewest()) this.#tryAgain(error);
    }
  }

  #give(token: string): void {
    this.#token = token;
    this.#sentAt = this.#settings.clock.monotonic();
    this.#send({ type: 'auth', token });
    this.#plan();
  }

  #plan(): void {
    this.#timer.clear();
    const leftMs = this.#leftMs();
    if (!(leftMs > 0)) return;
    const margin = (Math.min(leftMs / 2, MARGIN_MS) * (1 + this.#settings.random())) / 2;
    const waitMs = Math.max(leftMs - margin, SHORTEST_MS);
    if (waitMs > LONGEST_TIMER_MS) this.#timer.set(LONGEST_TIMER_MS, () => this.#plan());
    else this.#timer.set(waitMs, () => void this.#renew());
  }

  #tryAgain(error: unknown): void {
    this.#round += 1;
    this.#timer.clear();
    const waitMs = PAUSE_MS + backoffDelay(this.#failures++, this.#settings);
    if (waitMs < this.#leftMs()) this.#timer.set(waitMs, () => void this.#renew());
    this.#failed(error);
  }

  /** Milliseconds until the token expires. NaN where there is nothing to renew, or nobody knows when. */
  #leftMs(): number {
    const expiry = this.isRenewable ? expiryOf(this.#token) : Number.NaN;
    return expiry - this.#settings.clock.monotonic() - this.#serverOffset;
  }
}

/** Reads the `exp` of a token without checking it. @returns Unix milliseconds; NaN for what is no token with an `exp` */
function expiryOf(token = ''): number {
  try {
    const payload = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(atob(payload ?? '')).exp * 1_000;
  } catch {
    return Number.NaN;
  }
}
