/** How long one turn of the event loop may go on with such work before the rest waits for the next. */
const SLICE_MS = 8;

/**
 * Work that comes in bursts, a part in each turn of the event loop. The first of a burst is done at once; what comes
 * when that has taken long waits, so that thousands that come in one turn hold up nothing else.
 */
export class Paced {
  readonly #now: () => number;
  readonly #afterTurn: (callback: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  #turnBeganMs: number | undefined;

  constructor(now: () => number, afterTurn: (callback: () => void) => void) {
    this.#now = now;
    this.#afterTurn = afterTurn;
  }

  /** Whether what comes now has to wait; then it is for {@link later}. */
  get isBusy(): boolean {
    if (this.#turnBeganMs === undefined) this.#begin();
    return this.#waiting.length > 0 || this.#isOver();
  }

  /** Does something in one of the next turns, in order. */
  later(work: () => void): void {
    this.#waiting.push(work);
  }

  #begin(): void {
    this.#turnBeganMs = this.#now();
    this.#afterTurn(() => this.#next());
  }

  #next(): void {
    this.#turnBeganMs = undefined;
    if (this.#waiting.length === 0) return;
    this.#begin();
    let done = 0;
    while (done < this.#waiting.length && !this.#isOver()) {
      this.#waiting[done]?.();
      done += 1;
    }
    this.#waiting.splice(0, done);
  }

  #isOver(): boolean {
    return this.#turnBeganMs !== undefined && this.#now() - this.#turnBeganMs > SLICE_MS;
  }
}
