import type { Clock, Timer } from '../ports/clock.js';

/** Slots of a turn: a heartbeat comes at most this share of its interval late. */
const SLOTS = 30;

/** A connection as its gateway counts it. */
export interface Connected {
  /** Turn of its first heartbeat, which also tells its slot: kept here by the wheel. */
  beatsFrom: number;
  /** Where it is in that slot. */
  place: number;
  heartbeat(): void;
}

/**
 * Every connection of a gateway, in a wheel that turns once an interval: one timer for all heartbeats. Each keeps the
 * slot it opened in, so that heartbeats spread as connects did.
 */
export class HeartbeatWheel<C extends Connected> implements Iterable<C> {
  readonly #slots: C[][] = Array.from({ length: SLOTS }, () => []);
  #size = 0;
  /** Slots passed since the start. */
  #turn = 0;
  #timer: Timer | undefined;

  /** @param intervalMs between two heartbeats of a connection, milliseconds */
  constructor(
    readonly clock: Clock,
    readonly intervalMs: number,
  ) {}

  get size(): number {
    return this.#size;
  }

  /** Those that come or go meanwhile may be missed, or met twice. */
  *[Symbol.iterator](): Iterator<C> {
    for (const slot of this.#slots) yield* slot;
  }

  start(): void {
    this.#timer = this.clock.setTimeout(() => this.#beat(), this.intervalMs / SLOTS);
  }

  stop(): void {
    this.clock.clearTimeout(this.#timer);
  }

  /** Its first heartbeat comes one interval from now, or up to a slot later. */
  add(connection: C): void {
    // The turn that is under way has begun before the connection opened.
    connection.beatsFrom = this.#turn + 1 + SLOTS;
    const slot = this.#slotOf(connection);
    connection.place = slot.length;
    slot.push(connection);
    this.#size += 1;
  }

  delete(connection: C): void {
    const slot = this.#slotOf(connection);
    if (slot[connection.place] !== connection) return;
    const last = slot.pop() as C;
    if (last !== connection) {
      slot[connection.place] = last;
      last.place = connection.place;
    }
    this.#size -= 1;
  }

  #slotOf({ beatsFrom }: C): C[] {
    return this.#slots[beatsFrom % SLOTS] as C[];
  }

  #beat(): void {
    this.start();
    this.#turn += 1;
    // Some may end by it.
    for (const connection of [...(this.#slots[this.#turn % SLOTS] ?? [])]) {
      if (connection.beatsFrom <= this.#turn) connection.heartbeat();
    }
  }
}
