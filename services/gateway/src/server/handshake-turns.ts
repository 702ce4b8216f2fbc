/** Handshakes are carried out this long in a turn of the event loop. Each takes about as long as a hundred frames. */
const TURN_MS = 5;
/** The same where sockets have just been read for many bytes: new ones would add theirs. */
const BUSY_TURN_MS = 1;
const BUSY_BYTES = 8_388_608;

/**
 * Carries out handshakes a few milliseconds in each turn of the event loop. Otherwise a thousand of them that come at
 * once, or what their clients send at once, would keep everything else waiting: libuv hands over up to 1,024 sockets in
 * one go. What waits here is bounded by the number of connections (B7).
 */
export class HandshakeTurns {
  readonly #bytesRead: () => number;
  readonly #nowMs: () => number;
  /** Oldest first. */
  readonly #waiting: (() => void)[] = [];
  #usedMs = 0;
  #isCounting = false;

  /**
   * @param bytesRead how many bytes of frames were read in this turn so far, or in the one before
   * @param nowMs the monotonic clock, milliseconds
   */
  constructor(bytesRead: () => number, nowMs = () => performance.now()) {
    this.#bytesRead = bytesRead;
    this.#nowMs = nowMs;
  }

  /**
   * @param carryOut the rest of a handshake, called now or later
   * @returns whether it was called
   */
  take(carryOut: () => void): boolean {
    const isNow = this.#waiting.length === 0 && this.#hasTime();
    if (isNow) this.#run(carryOut);
    else this.#waiting.push(carryOut);
    return isNow;
  }

  #hasTime(): boolean {
    return this.#usedMs < (this.#bytesRead() > BUSY_BYTES ? BUSY_TURN_MS : TURN_MS);
  }

  #run(carryOut: () => void): void {
    if (!this.#isCounting) {
      this.#isCounting = true;
      setImmediate(this.#nextTurn);
    }
    const startedMs = this.#nowMs();
    carryOut();
    this.#usedMs += this.#nowMs() - startedMs;
  }

  readonly #nextTurn = (): void => {
    this.#isCounting = false;
    this.#usedMs = 0;
    let done = 0;
    while (done < this.#waiting.length && this.#hasTime()) this.#run(this.#waiting[done++] as () => void);
    // In each turn: while more come than are carried out, the list is never empty.
    this.#waiting.splice(0, done);
  };
}
