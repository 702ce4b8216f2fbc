/** A timer of a {@link FakeClock}. It has the methods of Node's timers, so that code can call `unref` on it. */
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
 * A clock that a test moves. Timers that are due at the same time fire in the order in which they were set. A timer
 * that another timer sets fires within the same advance if it is due by its end.
 *
 * It implements no interface of the product, and fits every interface that asks for some of its methods. All of them
 * are bound.
 */
export class FakeClock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #nextId = 1;
  readonly #due = new Map<FakeTimer, number>();

  /** @param startMs first reading of the wall clock, Unix milliseconds */
  constructor(startMs = 1_700_000_000_000) {
    this.#wallOffsetMs = startMs;
  }

  /** Unix milliseconds. */
  readonly now = (): number => this.#wallOffsetMs + this.#monotonicMs;

  /** Milliseconds since the clock was made. {@link stepWall} does not change it. */
  readonly monotonic = (): number => this.#monotonicMs;

  readonly setTimeout = (callback: () => void, ms = 0): FakeTimer => this.#set(callback, ms, undefined);

  readonly setInterval = (callback: () => void, ms: number): FakeTimer => this.#set(callback, ms, Math.max(1, ms));

  readonly clearTimeout = (timer: FakeTimer | undefined): void => {
    if (timer) this.#due.delete(timer);
  };

  readonly clearInterval = this.clearTimeout;

  /** How many timers have not fired yet. */
  get pending(): number {
    return this.#due.size;
  }

  /** When the next timer fires, in the time of {@link monotonic}. Nothing when there is no timer. */
  get nextDueMs(): number | undefined {
    return this.#next(Number.POSITIVE_INFINITY)?.at;
  }

  /** Changes the wall clock only, as an operator or NTP does. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Advances time and fires the timers that are due. Promises do not settle in between. */
  advance(ms: number): void {
    const until = this.#monotonicMs + ms;
    while (this.#fireNext(until)) {
      // Each pass fires one timer.
    }
    this.#monotonicMs = until;
  }

  /** Advances time and fires the timers that are due. Promises settle before the first timer and after each timer. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#monotonicMs + ms;
    await settlePromises();
    while (this.#fireNext(until)) await settlePromises();
    this.#monotonicMs = until;
  }

  #set(callback: () => void, ms: number, intervalMs: number | undefined): FakeTimer {
    const timer = new FakeTimer(this.#nextId++, callback, intervalMs);
    this.#due.set(timer, this.#monotonicMs + Math.max(0, Number.isNaN(ms) ? 0 : ms));
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

/** Resolves after all promise reactions that are ready have run, and all reactions that these make ready. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
