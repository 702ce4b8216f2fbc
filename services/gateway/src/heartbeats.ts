import type { Clock, Timer } from './clock.js';

/** Slots of a turn: a heartbeat comes at most this share of its interval late. */
const SLOTS = 30;

/** Something that has a heartbeat. */
export interface Heartbeating {
  heartbeat(): void;
}

interface Place {
  readonly slot: Set<Heartbeating>;
  /** Turn of its first heartbeat. */
  readonly from: number;
}

/**
 * One timer for all heartbeats: a wheel that turns once an interval. A connection keeps the slot it opened in, so that
 * heartbeats spread as connects did.
 */
export class Heartbeats {
  readonly #slots: Set<Heartbeating>[] = Array.from({ length: SLOTS }, () => new Set());
  readonly #places = new Map<Heartbeating, Place>();
  /** Slots passed since the start. */
  #turn = 0;
  #timer: Timer | undefined;

  /** @param intervalMs of each connection, milliseconds */
  constructor(
    readonly clock: Clock,
    readonly intervalMs: number,
  ) {}

  start(): void {
    this.#timer = this.clock.setTimeout(() => this.#beat(), this.intervalMs / SLOTS);
  }

  stop(): void {
    this.clock.clearTimeout(this.#timer);
  }

  /** The first heartbeat comes one interval from now, or up to a slot later. */
  add(connection: Heartbeating): void {
    // The turn that is under way has begun before the connection opened.
    const from = this.#turn + 1 + SLOTS;
    const slot = this.#slots[from % SLOTS];
    if (!slot) return;
    slot.add(connection);
    this.#places.set(connection, { slot, from });
  }

  remove(connection: Heartbeating): void {
    this.#places.get(connection)?.slot.delete(connection);
    this.#places.delete(connection);
  }

  #beat(): void {
    this.start();
    this.#turn += 1;
    for (const connection of this.#slots[this.#turn % SLOTS] ?? []) {
      if ((this.#places.get(connection)?.from ?? 0) <= this.#turn) connection.heartbeat();
    }
  }
}
