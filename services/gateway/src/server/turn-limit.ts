/** How long sockets may be read before everything else has its turn. Milliseconds. */
const TURN_MS = 10;
/** How many frames are read between two looks at the clock; a power of two. */
const LOOK_EVERY = 32;
/** One that nobody sends and that does nothing by itself. */
const SIGNAL = 'SIGURG';

/**
 * Ends a turn of the event loop in which too much is read. While a thousand sockets are ready, libuv goes on reading,
 * up to 48 times a thousand, and nothing else happens: nothing is stored or delivered, and answers of Redis seem late.
 * A signal is what makes it go on to the rest.
 */
export class TurnLimit {
  readonly #nowMs: () => number;
  #sinceMs = 0;
  #frames = 0;
  #ending = false;
  readonly #over = (): void => {
    this.#frames = 0;
    this.#ending = false;
  };

  /** @param nowMs the monotonic clock */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
    process.on(SIGNAL, ignore);
  }

  /** A frame is read. */
  note(): void {
    this.#frames += 1;
    if (this.#frames === 1) {
      this.#sinceMs = this.#nowMs();
      setImmediate(this.#over);
    } else if ((this.#frames & (LOOK_EVERY - 1)) === 0 && !this.#ending) {
      this.#ending = this.#nowMs() - this.#sinceMs > TURN_MS;
      if (this.#ending) process.kill(process.pid, SIGNAL);
    }
  }

  stop(): void {
    process.off(SIGNAL, ignore);
  }
}

function ignore(): void {
  // That it came was all.
}
