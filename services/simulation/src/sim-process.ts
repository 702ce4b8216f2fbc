import { type Scheduled, type Scheduler, START_MS } from './scheduler.js';

/** A process of its own, be it a gateway or a page in a browser: when it dies nothing of it runs any more. */
export class SimProcess {
  readonly clock: ProcessClock;
  #alive = true;
  /** What waits for the process to go on; absent: it runs. */
  #frozen: (() => void)[] | undefined;
  readonly #scheduler: Scheduler;

  /** @param skewMs by how much its wall clock is wrong */
  constructor(scheduler: Scheduler, skewMs: number) {
    this.#scheduler = scheduler;
    this.clock = new ProcessClock(scheduler, this, skewMs);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Something comes in from outside: a packet, or a timer that is due. */
  enter(run: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen) this.#frozen.push(run);
    else run();
  }

  /** As `kill -9`. */
  kill(): void {
    this.#alive = false;
    this.#frozen = undefined;
    this.clock.clear();
  }

  /** As SIGSTOP, and SIGCONT after a time: what came in meanwhile is done then, in its order. */
  freeze(ms: number): void {
    if (!this.#alive || this.#frozen) return;
    this.#frozen = [];
    this.#scheduler.after(ms, () => this.#thaw());
  }

  #thaw(): void {
    const next = this.#frozen?.shift();
    if (!next) {
      this.#frozen = undefined;
      return;
    }
    if (this.#alive) next();
    this.#scheduler.after(0, () => this.#thaw());
  }
}

/** Time as one process sees it; fits the clocks of gateway and client. */
export class ProcessClock {
  readonly #scheduler: Scheduler;
  readonly #process: SimProcess;
  readonly #skewMs: number;
  readonly #startedMs: number;
  readonly #pending = new Set<Scheduled>();

  constructor(scheduler: Scheduler, process: SimProcess, skewMs: number) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#skewMs = skewMs;
    this.#startedMs = scheduler.nowMs;
  }

  /** Timers that have yet to fire. */
  get pending(): number {
    return this.#pending.size;
  }

  now(): number {
    return START_MS + this.#skewMs + Math.floor(this.#scheduler.nowMs);
  }

  monotonic(): number {
    return this.#scheduler.nowMs - this.#startedMs;
  }

  setTimeout(callback: () => void, ms: number): Scheduled {
    // As in Node and browsers, no timer is due at once.
    const timer = this.#scheduler.after(Math.max(1, ms), () => {
      this.#process.enter(() => {
        // Given up while the process was frozen.
        if (this.#pending.delete(timer)) callback();
      });
    });
    this.#pending.add(timer);
    return timer;
  }

  clearTimeout(timer: Scheduled | undefined): void {
    if (!timer) return;
    timer.run = undefined;
    this.#pending.delete(timer);
  }

  defer(callback: () => void): void {
    this.#scheduler.after(0, () => this.#process.enter(callback));
  }

  clear(): void {
    for (const timer of this.#pending) timer.run = undefined;
    this.#pending.clear();
  }
}
