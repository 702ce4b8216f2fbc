import { EXCESS_FRAMES_MIN, EXCESS_SECONDS, INVALID_FRAME_LIMIT, INVALID_FRAME_WINDOW_MS } from '@holdfast/protocol';
import { RateLimit } from '../ports/rate-limit.js';

/** Between two answers to frames that are dropped. */
const ANSWER_INTERVAL_MS = 1_000;
/** How long a refused message is waited for, beyond the pause that its sender was told. */
const REPEAT_GRACE_MS = 1_000;

/** A message that others may not overtake. */
interface Refused {
  readonly id: string;
  /** How long it is waited for from the moment on that its sender can know of it. */
  readonly waitMs: number;
  /** Until when it is waited for; Infinity: the sender does not know yet. */
  untilMs: number;
}

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
  /** The oldest message that was refused for now. */
  #refused: Refused | undefined;

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

  /**
   * A message was refused for now: those that were sent behind it must not overtake it (V20).
   *
   * @param isUnread whether the network has not taken the refusal yet: its sender has not begun to wait
   */
  refused(id: string, retryAfterMs: number, nowMs: number, isUnread: boolean): void {
    if (this.waitMs(id, nowMs) > 0) return;
    const waitMs = retryAfterMs + REPEAT_GRACE_MS;
    this.#refused = { id, waitMs, untilMs: isUnread ? Number.POSITIVE_INFINITY : nowMs + waitMs };
  }

  /** The network has taken everything that was written to the sender, a refusal too. */
  drained(nowMs: number): void {
    const refused = this.#refused;
    if (refused?.untilMs === Number.POSITIVE_INFINITY) refused.untilMs = nowMs + refused.waitMs;
  }

  /** @returns the milliseconds that a message has to wait for an earlier one that was refused; 0 when it may pass */
  waitMs(id: string | undefined, nowMs: number): number {
    if (!this.#refused || id === undefined) return 0;
    if (id === this.#refused.id || nowMs >= this.#refused.untilMs) this.#refused = undefined;
    return this.#refused ? Math.ceil(Math.min(this.#refused.untilMs - nowMs, this.#refused.waitMs)) : 0;
  }

  /** Counts an invalid frame (V23). @returns whether the connection has sent too many of them within a minute */
  takeInvalidFrame(nowMs: number): boolean {
    this.#invalidMs = [...this.#invalidMs, nowMs].filter((ms) => nowMs - ms < INVALID_FRAME_WINDOW_MS);
    return this.#invalidMs.length >= INVALID_FRAME_LIMIT;
  }
}
