import type { SeededRandom } from '@holdfast/testkit';
import type { Scheduler } from './scheduler.js';

/** The network between two machines: how long packets take, and until when none gets through. */
export class Path {
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #leastMs: number;
  readonly #spreadMs: number;
  #heldUntilMs = 0;

  constructor(scheduler: Scheduler, random: SeededRandom, leastMs: number, spreadMs: number) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#leastMs = leastMs;
    this.#spreadMs = spreadMs;
  }

  /** How many milliseconds a packet takes that is sent now. */
  delay(): number {
    return (
      Math.max(0, this.#heldUntilMs - this.#scheduler.nowMs) + this.#leastMs + this.#random.next() * this.#spreadMs
    );
  }

  get isHeld(): boolean {
    return this.#heldUntilMs > this.#scheduler.nowMs;
  }

  /** Nothing gets through for some time. Packets are not lost, because TCP sends them again. */
  hold(ms: number): void {
    this.#heldUntilMs = Math.max(this.#heldUntilMs, this.#scheduler.nowMs + ms);
  }

  release(): void {
    this.#heldUntilMs = 0;
  }
}

/** One direction of a connection. Packets arrive in order, until the connection is cut. */
export class Pipe<T> {
  readonly #scheduler: Scheduler;
  readonly #path: Path;
  readonly #arrive: (item: T) => void;
  /** Packets on their way, the oldest first. Each has an event, which takes the oldest packet. */
  #items: T[] = [];
  #lastMs = 0;
  #notBeforeMs = 0;
  #isCut = false;

  constructor(scheduler: Scheduler, path: Path, arrive: (item: T) => void) {
    this.#scheduler = scheduler;
    this.#path = path;
    this.#arrive = arrive;
  }

  get inFlight(): number {
    return this.#items.length;
  }

  send(item: T): void {
    if (this.#isCut) return;
    this.#items.push(item);
    this.#schedule();
  }

  /** Cuts the connection: later packets do not arrive. @param kept how many packets on their way still arrive */
  cut(kept: number): void {
    this.#isCut = true;
    this.#items.length = Math.min(this.#items.length, kept);
  }

  /** Delays the packets that are on their way. */
  hold(ms: number): void {
    this.#notBeforeMs = this.#scheduler.nowMs + ms;
  }

  #schedule(): void {
    const { nowMs } = this.#scheduler;
    this.#lastMs = Math.max(this.#lastMs, this.#notBeforeMs, nowMs + this.#path.delay());
    this.#scheduler.after(this.#lastMs - nowMs, () => this.#next());
  }

  #next(): void {
    if (this.#items.length === 0) return;
    if (this.#path.isHeld || this.#notBeforeMs > this.#scheduler.nowMs) return this.#schedule();
    this.#arrive(this.#items.shift() as T);
  }
}
