import { MemoryBroker } from '@holdfast/fan-out';
import type { Scheduler } from './scheduler.js';

/**
 * The simulated Redis: one thread, which can stand still, be full, or go away, and publish and subscribe, which knows no
 * databases. Each deployment has a `RedisDatabase` in it.
 */
export class RedisServer {
  readonly broker = new MemoryBroker((deliver) => deliver());
  /** Whether it refuses whatever takes memory. Everything else is answered. */
  isFull = false;
  readonly #scheduler: Scheduler;
  /** Commands that have arrived while it stands still. Absent: it runs. */
  #waiting: (() => void)[] | undefined;
  #downUntilMs = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Whether it stands still, so that it does not accept connections either. */
  get isStalled(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether nothing listens at its address. */
  get isDown(): boolean {
    return this.#downUntilMs > this.#scheduler.nowMs;
  }

  /** Runs a command that has arrived, in one step. */
  execute(command: () => void): void {
    if (this.isDown) return;
    if (this.#waiting) this.#waiting.push(command);
    else command();
  }

  /** Stands still, as with SIGSTOP, a slow disk or a fork. Commands that arrive run later, in order. */
  stall(ms: number): void {
    if (this.#waiting || this.isDown) return;
    this.#waiting = [];
    this.#scheduler.after(ms, () => this.#goOn());
  }

  /** Its process ends, and another one starts after some time. Waiting commands are lost. */
  goDown(ms: number): void {
    this.#downUntilMs = Math.max(this.#downUntilMs, this.#scheduler.nowMs + ms);
    if (this.#waiting) this.#waiting = [];
  }

  #goOn(): void {
    const next = this.#waiting?.shift();
    if (!next) {
      this.#waiting = undefined;
      return;
    }
    next();
    this.#scheduler.after(0, () => this.#goOn());
  }
}
