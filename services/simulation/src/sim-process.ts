import { type Scheduled, type Scheduler, START_MS } from './scheduler.js';

/** A process: a gateway, or a page in a browser. When it dies, none of its timers and packets are handled any more. */
export class SimProcess {
  readonly clock: ProcessClock;
  #alive = true;
  /** Events that wait until the process continues. Absent: it runs. */
  #frozen: (() => void)[] | undefined;
  readonly #scheduler: Scheduler;

  /** @param skewMs error of its wall clock, in milliseconds */
  constructor(scheduler: Scheduler, skewMs: number) {
    this.#scheduler = scheduler;
    this.clock = new ProcessClock(scheduler, this, skewMs);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Handles an event from outside: a packet, or a timer that is due. */
  enter(run: () => void): void {
    if (!this.#alive) return;
    if (this.#frozen) this.#frozen.push(run);
    else run();
  }

  /** Ends it, as `kill -9` does. */
  kill(): void {
    this.#alive = false;
    this.#frozen = undefined;
    this.clock.clear();
  }

  /** Halts it for some time, as SIGSTOP and SIGCONT do. Events that come in meanwhile are handled later, in order. */
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

/** The clock of a process, which gateways and clients can use. */
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

  /** How many timers have not fired yet. */
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
    // In Node and browsers a timer takes at least 1 ms.
    const timer = this.#scheduler.after(Math.max(1, ms), () => {
      this.#process.enter(() => {
        // The timer may have been cleared while the process was frozen.
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
