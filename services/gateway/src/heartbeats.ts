import type { Clock, Timer } from './clock.js';

/** Slots of a turn: a heartbeat comes at most this share of its interval late. */
const SLOTS = 30;

/** Something that has a heartbeat. */
export interface Heartbeating {
  heartbeat(): void;
}

/**
 * One timer for all heartbeats: a wheel that turns once an interval. A connection keeps the slot it opened in, so that
 * heartbeats spread as connects did.
 */
export class Heartbeats {
  readonly #slots: Set<Heartbeating>[] = Array.from({ length: SLOTS + 1 }, () => new Set());
  readonly #places = new Map<Heartbeating, Set<Heartbeating>>();
  #current = 0;
  #timer: Timer | undefined;

  /** @param intervalMs of each connection, milliseconds */
  constructor(
    readonly clock: Clock,
    readonly intervalMs: number,
  ) {}

  start(): void {
    this.#timer = this.clock.setTimeout(() => this.#turn(), this.intervalMs / SLOTS);
  }

  stop(): void {
    this.clock.clearTimeout(this.#timer);
  }

  /** The first heartbeat comes one interval from now, or up to a slot later. */
  add(connection: Heartbeating): void {
    const slot = this.#slots[this.#current];
    if (!slot) return;
    slot.add(connection);
    this.#places.set(connection, slot);
  }

  remove(connection: Heartbeating): void {
    this.#places.get(connection)?.delete(connection);
    this.#places.delete(connection);
  }

  #turn(): void {
    this.start();
    this.#current = (this.#current + 1) % this.#slots.length;
    for (const connection of this.#slots[this.#current] ?? []) connection.heartbeat();
  }
}
