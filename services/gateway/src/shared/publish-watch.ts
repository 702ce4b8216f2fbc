import type { Clock, Timer } from '../ports/clock.js';

/** A message that was stored has to come through the channel within this time, else the log is read (F2). */
const DELIVERY_DUE_MS = 100;
/** Least time between two checks: one timer serves all rooms, so that a check may come this much late. */
const CHECK_EVERY_MS = 10;

/** A room whose appends are watched. */
export interface WatchedRoom {
  readonly delivered: { has(epoch: string, seq: number): boolean };
  readonly sync: { request(reason: 'unheard'): void };
}

/** The newest message of an append that was answered. */
interface Expected {
  readonly room: WatchedRoom;
  readonly epoch: string;
  readonly seq: number;
  readonly dueMs: number;
}

/**
 * Watches whether the messages that this gateway has stored come back through their channel, because pub/sub may lose
 * them (F2). The room of a message that does not come in time is synced. One watch serves all rooms of a gateway.
 */
export class PublishWatch {
  readonly #clock: Clock;
  /** In the order in which they are due. */
  #expected: Expected[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * An append was answered: its newest message is due. Messages before it are covered, because delivery is in order.
   */
  expect(room: WatchedRoom, epoch: string, seq: number): void {
    if (room.delivered.has(epoch, seq)) return;
    this.#expected.push({ room, epoch, seq, dueMs: this.#clock.monotonic() + DELIVERY_DUE_MS });
    this.#timer ??= this.#clock.setTimeout(() => this.#check(), DELIVERY_DUE_MS);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#expected = [];
  }

  #check(): void {
    const nowMs = this.#clock.monotonic();
    const firstLater = this.#expected.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = firstLater < 0 ? this.#expected : this.#expected.slice(0, firstLater);
    this.#expected = firstLater < 0 ? [] : this.#expected.slice(firstLater);
    const [next] = this.#expected;
    this.#timer = next && this.#clock.setTimeout(() => this.#check(), Math.max(CHECK_EVERY_MS, next.dueMs - nowMs));
    for (const { room, epoch, seq } of due) if (!room.delivered.has(epoch, seq)) room.sync.request('unheard');
  }
}
