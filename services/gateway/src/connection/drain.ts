import { CLOSE } from '@holdfast/protocol';
import type { Clock, Timer } from '../ports/clock.js';
import type { Connection } from './connection.js';

export interface DrainOptions {
  readonly clock: Clock;
  /** `DRAIN_SECONDS` in milliseconds. */
  readonly drainMs: number;
  /** From 0 up to 1. */
  random(): number;
  /** Open connections; they become fewer while the drain goes on. */
  readonly connections: Iterable<Connection> & { readonly size: number };
  /** The message count of a connection's session (P4). */
  countOf(connection: Connection): number;
}

/** Share of the time over which members are asked to move. The rest is for members that move late (B3). */
const SPREAD = 0.8;

/**
 * Empties a gateway (B3). Every member gets a moment of its own at random: a framed member is told it at once and moves
 * by itself (V8), a plain member is closed at that moment (P4). Members that are left at the deadline are closed.
 */
export class Drain {
  /** Resolves when the last member has gone: at the latest shortly after the deadline. */
  readonly finished: Promise<void>;
  readonly #options: DrainOptions;
  readonly #timers = new Set<Timer>();
  #finish: () => void = () => undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Begins. Called once. */
  start(): void {
    const { connections, drainMs, random } = this.#options;
    for (const connection of connections) {
      const inMs = Math.floor(random() * drainMs * SPREAD);
      if (connection.protocol === 'framed')
        connection.tell({ type: 'drain', reconnectInMs: inMs, deadlineMs: drainMs });
      else this.#after(inMs, () => this.#sayBye(connection));
    }
    this.#after(drainMs, () => this.closeRemaining());
    this.connectionEnded();
  }

  /** Closes all members that are left, now: at the deadline, or when a second request to stop comes. */
  closeRemaining(): void {
    this.#clearTimers();
    for (const connection of [...this.#options.connections]) {
      if (connection.protocol === 'plain') this.#sayBye(connection);
      else connection.close(CLOSE.restart);
    }
    this.#finish();
  }

  /** Called after each connection that ends. */
  connectionEnded(): void {
    if (this.#options.connections.size > 0) return;
    this.#clearTimers();
    this.#finish();
  }

  #sayBye(connection: Connection): void {
    if (!connection.closed) connection.bye(this.#options.countOf(connection));
  }

  #after(ms: number, callback: () => void): void {
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  #clearTimers(): void {
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer);
    this.#timers.clear();
  }
}
