/** A timer of a {@link FakeClock}. Has the methods of Node's, so that code which unrefs its timers runs unchanged. */
export class FakeTimer {
  #referenced = true;
  constructor(
    readonly id: number,
    readonly callback: () => void,
    readonly intervalMs: number | undefined,
  ) {}
  ref(): this {
    this.#referenced = true;
    return this;
  }
  unref(): this {
    this.#referenced = false;
    return this;
  }
  hasRef(): boolean {
    return this.#referenced;
  }
}

/**
 * Time that moves only when told to. Timers due at the same time fire in the order they were set; a timer set by a
 * firing timer fires in the same advance when it is due within it.
 *
 * Knows no interface of ours: it fits whatever asks for some of its methods, all of them bound.
 */
export class FakeClock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #nextId = 1;
  readonly #due = new Map<FakeTimer, number>();

  /** @param startMs the wall clock's first reading, Unix milliseconds */
  constructor(startMs = 1_700_000_000_000) {
    this.#wallOffsetMs = startMs;
  }

  /** Unix milliseconds. */
  readonly now = (): number => this.#wallOffsetMs + this.#monotonicMs;

  /** Milliseconds since the clock was made; {@link stepWall} does not move it. */
  readonly monotonic = (): number => this.#monotonicMs;

  readonly setTimeout = (callback: () => void, ms = 0): FakeTimer => this.#set(callback, ms, undefined);

  readonly setInterval = (callback: () => void, ms: number): FakeTimer => this.#set(callback, ms, Math.max(1, ms));

  readonly clearTimeout = (timer: FakeTimer | undefined): void => {
    if (timer) this.#due.delete(timer);
  };

  readonly clearInterval = this.clearTimeout;

  /** Timers that have yet to fire. */
  get pending(): number {
    return this.#due.size;
  }

  /** The time of {@link monotonic} at which the next timer fires; nothing when there is none. */
  get nextDueMs(): number | undefined {
    return this.#next(Number.POSITIVE_INFINITY)?.at;
  }

  /** Moves the wall clock alone, as an operator or NTP does. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Moves time on and fires what is due, without letting promises settle in between. */
  advance(ms: number): void {
    const until = this.#monotonicMs + ms;
    while (this.#fireNext(until)) {
      // Each pass fires one timer.
    }
    this.#monotonicMs = until;
  }

  /** Moves time on; promises settle before the first timer, after each one, and at the end. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#monotonicMs + ms;
    await settlePromises();
    while (this.#fireNext(until)) await settlePromises();
    this.#monotonicMs = until;
  }

  #set(callback: () => void, ms: number, intervalMs: number | undefined): FakeTimer {
    const timer = new FakeTimer(this.#nextId++, callback, intervalMs);
    this.#due.set(timer, this.#monotonicMs + Math.max(0, ms));
    return timer;
  }

  #next(until: number): { timer: FakeTimer; at: number } | undefined {
    let next: { timer: FakeTimer; at: number } | undefined;
    for (const [timer, at] of this.#due) {
      if (at > until) continue;
      if (!next || at < next.at || (at === next.at && timer.id < next.timer.id)) next = { timer, at };
    }
    return next;
  }

  #fireNext(until: number): boolean {
    const next = this.#next(until);
    if (!next) return false;
    this.#monotonicMs = Math.max(this.#monotonicMs, next.at);
    if (next.timer.intervalMs === undefined) this.#due.delete(next.timer);
    else this.#due.set(next.timer, next.at + next.timer.intervalMs);
    next.timer.callback();
    return true;
  }
}

/** Resolves after every promise reaction that is ready, and those they make ready, have run. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
