/** Sockets are read this long before everything else has its turn. Milliseconds. */
const TURN_MS = 10;
/** The clock is read once in this many frames, or bytes of frames: a large one takes as long as hundreds of small ones. */
const CHECK_EVERY_FRAMES = 32;
const CHECK_EVERY_BYTES = 65_536;
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
  #isReading = false;
  /** Frames that may be read before the clock is read, and from how many bytes of this turn on it is read. */
  #framesLeft = CHECK_EVERY_FRAMES;
  #checkBytes = CHECK_EVERY_BYTES;
  /** Bytes of frames in this turn, and in the last one that read any. */
  #bytes = 0;
  #bytesBefore = 0;
  /** The signal was sent, and the turn has not ended yet. */
  #isEnding = false;
  readonly #turnEnded = (): void => {
    this.#isReading = false;
    this.#isEnding = false;
    this.#bytesBefore = this.#bytes;
    this.#bytes = 0;
    this.#checkBytes = CHECK_EVERY_BYTES;
  };

  /** @param nowMs the monotonic clock, milliseconds */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
    process.on(SIGNAL, ignore);
  }

  /** Bytes of the frames that were read in this turn, or in the last one that read any. */
  get bytesRead(): number {
    return Math.max(this.#bytes, this.#bytesBefore);
  }

  /** Called for each frame, and each head, that is read. @param bytes its length */
  note(bytes: number): void {
    this.#framesLeft -= 1;
    this.#bytes += bytes;
    if (!this.#isReading) {
      this.#isReading = true;
      this.#startedMs = this.#nowMs();
      setImmediate(this.#turnEnded);
    } else if ((this.#framesLeft <= 0 || this.#bytes >= this.#checkBytes) && !this.#isEnding) {
      this.#framesLeft = CHECK_EVERY_FRAMES;
      this.#checkBytes = this.#bytes + CHECK_EVERY_BYTES;
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
