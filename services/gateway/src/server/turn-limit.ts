/** Sockets are read this long before everything else has its turn. Milliseconds. */
const TURN_MS = 10;
/** The clock is read once in this many frames; a power of two. */
const CHECK_EVERY_FRAMES = 32;
/** A signal that nobody sends, and that does nothing unless somebody listens. */
const SIGNAL = 'SIGURG';

/**
 * Ends a turn of the event loop in which sockets are read for too long. While very many sockets are ready, libuv goes
 * on reading them, up to 48 times a thousand, and nothing else happens meanwhile: nothing is stored or delivered, and
 * the answers of Redis seem late. A signal to the own process makes libuv go on with the rest of the turn.
 */
export class TurnLimit {
  readonly #nowMs: () => number;
  /** When the first frame of this turn was read. */
  #startedMs = 0;
  #frames = 0;
  /** The signal was sent, and the turn has not ended yet. */
  #isEnding = false;
  readonly #turnEnded = (): void => {
    this.#frames = 0;
    this.#isEnding = false;
  };

  /** @param nowMs the monotonic clock, milliseconds */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
    process.on(SIGNAL, ignore);
  }

  /** Called for each frame that is read. */
  note(): void {
    this.#frames += 1;
    if (this.#frames === 1) {
      this.#startedMs = this.#nowMs();
      setImmediate(this.#turnEnded);
    } else if ((this.#frames & (CHECK_EVERY_FRAMES - 1)) === 0 && !this.#isEnding) {
      this.#isEnding = this.#nowMs() - this.#startedMs > TURN_MS;
      if (this.#isEnding) process.kill(process.pid, SIGNAL);
    }
  }

  stop(): void {
    process.off(SIGNAL, ignore);
  }
}

function ignore(): void {
  // Receiving the signal is enough.
}
