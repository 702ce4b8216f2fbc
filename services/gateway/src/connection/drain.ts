import { CLOSE } from '@holdfast/protocol';
import type { Clock, Timer } from '../ports/clock.js';
import type { Connection } from './connection.js';

export interface DrainOptions {
  readonly clock: Clock;
  /** `DRAIN_SECONDS` in milliseconds. */
  readonly drainMs: number;
  /** From 0 up to 1. */
  random(): number;
  /** Open connections; changes while the drain goes on. */
  readonly connections: Iterable<Connection> & { readonly size: number };
  /** The count of a connection's session (P4). */
  countOf(connection: Connection): number;
}

/** Members are moved during this share of the time; the rest is for those that are late (B3). */
const SPREAD = 0.8;

/** Empties a gateway: every member is sent away at its own moment, those that stay are closed at the deadline (B3). */
export class Drain {
  readonly #options: DrainOptions;
  readonly #timers = new Set<Timer>();
  readonly #empty: Promise<void>;
  #resolveEmpty: () => void = () => undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#empty = new Promise((resolve) => {
      this.#resolveEmpty = resolve;
    });
  }

  /** Resolves when the last member has gone; at the latest shortly after the deadline. */
  start(): Promise<void> {
    const { connections, drainMs, random } = this.#options;
    for (const connection of connections) {
      const inMs = Math.floor(random() * drainMs * SPREAD);
      if (connection.protocol === 'framed')
        connection.tell({ type: 'drain', reconnectInMs: inMs, deadlineMs: drainMs });
      else this.#later(inMs, () => this.#sayBye(connection));
    }
    this.#later(drainMs, () => this.hurry());
    this.checkEmpty();
    return this.#empty;
  }

  /** Closes all that are left now. */
  hurry(): void {
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer);
    this.#timers.clear();
    for (const connection of [...this.#options.connections]) {
      if (connection.protocol === 'plain') this.#sayBye(connection);
      else connection.close(CLOSE.restart);
    }
    this.#resolveEmpty();
  }

  /** Called after each connection that ends. */
  checkEmpty(): void {
    if (this.#options.connections.size > 0) return;
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer);
    this.#resolveEmpty();
  }

  #sayBye(connection: Connection): void {
    if (!connection.closed) connection.bye(this.#options.countOf(connection));
  }

  #later(ms: number, callback: () => void): void {
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }
}
