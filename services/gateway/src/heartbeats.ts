import type { Clock, Timer } from './clock.js';

/** Slots of a turn: a heartbeat comes at most this share of its interval late. */
const SLOTS = 30;

/** Something that has a heartbeat. */
export interface Heartbeating {
  /** Turn of its first heartbeat: kept here by the wheel. */
  beatsFrom: number;
  heartbeat(): void;
}

/**
 * One timer for all heartbeats: a wheel that turns once an interval. A connection keeps the slot it opened in, so that
 * heartbeats spread as connects did.
 */
export class Heartbeats {
  readonly #slots: Set<Heartbeating>[] = Array.from({ length: SLOTS }, () => new Set());
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
    connection.beatsFrom = this.#turn + 1 + SLOTS;
    this.#slots[connection.beatsFrom % SLOTS]?.add(connection);
  }

  remove(connection: Heartbeating): void {
    this.#slots[connection.beatsFrom % SLOTS]?.delete(connection);
  }

  #beat(): void {
    this.start();
    this.#turn += 1;
    for (const connection of this.#slots[this.#turn % SLOTS] ?? []) {
      if (connection.beatsFrom <= this.#turn) connection.heartbeat();
    }
  }
}
