import type { Clock, Timer } from '../ports/clock.js';

/** Slots of the wheel. A heartbeat comes at most one slot late: a thirtieth of the interval. */
const SLOTS = 30;

/**
 * A connection as the wheel sees it. The wheel keeps its two numbers in the connection itself, so that a connection
 * costs no further object; nobody else reads or writes them.
 */
export interface WheelConnection {
  /** The turn of the first heartbeat; modulo the number of slots it is the connection's slot. */
  firstBeat: number;
  /** Index in the array of that slot. */
  slotIndex: number;
  heartbeat(): void;
}

/**
 * Every open connection of a gateway, in a wheel that goes round once an interval: one timer serves all heartbeats. A
 * connection stays in the slot it opened in, so that heartbeats are spread over the interval as the connects were.
 */
export class HeartbeatWheel<C extends WheelConnection> implements Iterable<C> {
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

  /** Connections that are added or deleted while this goes on may be left out, or come twice. */
  *[Symbol.iterator](): Iterator<C> {
    for (const slot of this.#slots) yield* slot;
  }

  start(): void {
    // Node drops fractions of a millisecond: rounded up, no heartbeat comes early.
    this.#timer = this.clock.setTimeout(() => this.#beat(), Math.ceil(this.intervalMs / SLOTS));
  }

  stop(): void {
    this.clock.clearTimeout(this.#timer);
  }

  /** The connection's first heartbeat comes one interval from now, or up to a slot later. */
  add(connection: C): void {
    // One more than a whole round: the present turn began before the connection opened.
    connection.firstBeat = this.#turn + 1 + SLOTS;
    const slot = this.#slotOf(connection);
    connection.slotIndex = slot.length;
    slot.push(connection);
    this.#size += 1;
  }

  /** Does nothing for a connection that is not in the wheel. */
  delete(connection: C): void {
    const slot = this.#slotOf(connection);
    if (slot[connection.slotIndex] !== connection) return;
    const last = slot.pop() as C;
    if (last !== connection) {
      slot[connection.slotIndex] = last;
      last.slotIndex = connection.slotIndex;
    }
    this.#size -= 1;
  }

  #slotOf({ firstBeat }: C): C[] {
    return this.#slots[firstBeat % SLOTS] as C[];
  }

  #beat(): void {
    this.start();
    this.#turn += 1;
    // A copy, because a heartbeat that finds its socket too slow can end the connection.
    for (const connection of [...(this.#slots[this.#turn % SLOTS] ?? [])]) {
      if (connection.firstBeat <= this.#turn) connection.heartbeat();
    }
  }
}
