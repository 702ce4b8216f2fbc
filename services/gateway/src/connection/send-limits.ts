import { EXCESS_FRAMES_MIN, EXCESS_SECONDS, INVALID_FRAME_LIMIT, INVALID_FRAME_WINDOW_MS } from '@holdfast/protocol';
import { RateLimit } from '../ports/rate-limit.js';

/** Between two answers to frames that are dropped. */
const ANSWER_INTERVAL_MS = 1_000;
/** How long a refused message is waited for, beyond the pause that its sender was told. */
const REPEAT_GRACE_MS = 1_000;

/**
 * What one connection may send: its rate of frames (`MAX_MESSAGES_PER_SECOND`, with a burst of twice as many), how many
 * frames above it are borne (V24), and how many may be invalid (V23). A connection makes its limits with the first frame,
 * because most connections never send one.
 */
export class SendLimits {
  readonly #rate: RateLimit;
  readonly #excess: RateLimit;
  /** From when on a dropped frame is answered again. */
  #silentUntilMs = 0;
  /** When the invalid frames of the last minute came, oldest first. */
  #invalidMs: readonly number[] = [];
  /** The oldest message that was refused for now, and until when others may not overtake it. */
  #refused: { readonly id: string; readonly untilMs: number } | undefined;

  /**
   * @param framesPerSecond 0 is no limit
   * @param nowMs monotonic milliseconds, as in every call
   */
  constructor(framesPerSecond: number, nowMs: number) {
    this.#rate = new RateLimit(framesPerSecond, framesPerSecond * 2, nowMs);
    this.#excess = new RateLimit(framesPerSecond, Math.max(EXCESS_FRAMES_MIN, framesPerSecond * EXCESS_SECONDS), nowMs);
  }

  /** Counts a frame of any kind. @returns 0 when it may pass, else the milliseconds until the next one may */
  takeFrame(nowMs: number): number {
    return this.#rate.take(nowMs);
  }

  /** Counts a frame that may not pass. @returns whether the connection has sent too many of them (V24) */
  takeExcess(nowMs: number): boolean {
    return this.#excess.take(nowMs) > 0;
  }

  /** Whether to answer a frame that may not pass and is no message: one a second is answered (V24). */
  takeAnswer(nowMs: number): boolean {
    if (nowMs < this.#silentUntilMs) return false;
    this.#silentUntilMs = nowMs + ANSWER_INTERVAL_MS;
    return true;
  }

  /** A message was refused for now: those that were sent behind it must not overtake it (V20). */
  refused(id: string, retryAfterMs: number, nowMs: number): void {
    if (this.waitMs(id, nowMs) === 0) this.#refused = { id, untilMs: nowMs + retryAfterMs + REPEAT_GRACE_MS };
  }

  /** @returns the milliseconds that a message has to wait for an earlier one that was refused; 0 when it may pass */
  waitMs(id: string | undefined, nowMs: number): number {
    if (!this.#refused || id === undefined) return 0;
    if (id === this.#refused.id || nowMs >= this.#refused.untilMs) this.#refused = undefined;
    return this.#refused ? Math.ceil(this.#refused.untilMs - nowMs) : 0;
  }

  /** Counts an invalid frame (V23). @returns whether the connection has sent too many of them within a minute */
  takeInvalidFrame(nowMs: number): boolean {
    this.#invalidMs = [...this.#invalidMs, nowMs].filter((ms) => nowMs - ms < INVALID_FRAME_WINDOW_MS);
    return this.#invalidMs.length >= INVALID_FRAME_LIMIT;
  }
}
