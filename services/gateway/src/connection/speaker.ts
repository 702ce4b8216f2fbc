import { Abuse } from './abuse.js';
import { RateLimit } from './rate-limit.js';

/** What a connection has once it says something; most never do. */
export class Speaker {
  /** Its sender name as JSON (C7). */
  readonly senderJson: string;
  readonly #rate: RateLimit | undefined;
  #abuse: Abuse | undefined;

  /**
   * @param messagesPerSecond that it may send; 0 is no limit
   * @param nowMs the monotonic clock
   */
  constructor(sender: string, messagesPerSecond: number, nowMs: number) {
    this.senderJson = JSON.stringify(sender);
    this.#rate = messagesPerSecond === 0 ? undefined : new RateLimit(messagesPerSecond, messagesPerSecond * 2, nowMs);
  }

  /** It wants to send a message. @returns 0 when it may, else the milliseconds until then */
  takeTurn(nowMs: number): number {
    return this.#rate?.take(nowMs) ?? 0;
  }

  /** It has sent an invalid frame (C6). @returns whether they have become too many */
  misspoke(nowMs: number): boolean {
    this.#abuse ??= new Abuse();
    return this.#abuse.add(nowMs);
  }
}
