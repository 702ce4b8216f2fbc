import { INVALID_FRAME_LIMIT, INVALID_FRAME_WINDOW_MS } from '@holdfast/protocol';

/**
 * A token bucket: a steady rate with room for bursts. All times are monotonic milliseconds, and never earlier than the
 * call before.
 */
export class RateLimit {
  #tokens: number;
  #updatedMs: number;

  /**
   * @param perSecond tokens that are added each second; 0 is no limit
   * @param burst most tokens that are saved up; the bucket starts full
   */
  constructor(
    readonly perSecond: number,
    readonly burst: number,
    nowMs: number,
  ) {
    this.#tokens = burst;
    this.#updatedMs = nowMs;
  }

  /** @returns 0 when a token was taken, else the milliseconds until the next one is there */
  take(nowMs: number): number {
    if (this.perSecond === 0) return 0;
    this.#tokens = Math.min(this.burst, this.#tokens + ((nowMs - this.#updatedMs) * this.perSecond) / 1000);
    this.#updatedMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / this.perSecond);
  }
}

/**
 * What one connection may send: its message rate (`MAX_MESSAGES_PER_SECOND`, with a burst of twice as many), and how
 * many of its frames may be invalid (C6). A connection makes its limits with the first frame that counts against them,
 * because most connections never send one.
 */
export class SendLimits {
  readonly #rate: RateLimit | undefined;
  /** When the invalid frames of the last minute came, oldest first. */
  #invalidMs: readonly number[] = [];

  /**
   * @param messagesPerSecond 0 is no limit
   * @param nowMs monotonic milliseconds, as in every call
   */
  constructor(messagesPerSecond: number, nowMs: number) {
    this.#rate = messagesPerSecond === 0 ? undefined : new RateLimit(messagesPerSecond, messagesPerSecond * 2, nowMs);
  }

  /** Counts a message. @returns 0 when it may pass, else the milliseconds until the next one may */
  takeMessage(nowMs: number): number {
    return this.#rate?.take(nowMs) ?? 0;
  }

  /** Counts an invalid frame (C6). @returns whether the connection has sent too many of them within a minute */
  takeInvalidFrame(nowMs: number): boolean {
    this.#invalidMs = [...this.#invalidMs, nowMs].filter((ms) => nowMs - ms < INVALID_FRAME_WINDOW_MS);
    return this.#invalidMs.length >= INVALID_FRAME_LIMIT;
  }
}
