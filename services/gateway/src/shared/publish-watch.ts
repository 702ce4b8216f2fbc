import type { Clock, Timer } from '../ports/clock.js';

/** How long an append's own publish may take before the log is asked (F2). */
const UNHEARD_MS = 100;
/** How much later that may be: one timer is for all rooms. */
const STEP_MS = 10;

/** What is needed of a room. */
export interface HearingRoom {
  readonly delivered: { has(epoch: string, seq: number): boolean };
  readonly sync: { request(reason: 'unheard'): void };
}

interface Expected {
  readonly room: HearingRoom;
  readonly epoch: string;
  readonly seq: number;
  readonly dueMs: number;
}

/** What this gateway has stored and not heard through the channel yet: pub/sub may have lost it (F2). */
export class PublishWatch {
  readonly #clock: Clock;
  /** Oldest first. */
  #expected: Expected[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An append was answered: what it stored is to be heard soon. */
  expect(room: HearingRoom, epoch: string, seq: number): void {
    if (room.delivered.has(epoch, seq)) return;
    this.#expected.push({ room, epoch, seq, dueMs: this.#clock.monotonic() + UNHEARD_MS });
    this.#timer ??= this.#clock.setTimeout(() => this.#check(), UNHEARD_MS);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#expected = [];
  }

  #check(): void {
    const nowMs = this.#clock.monotonic();
    const open = this.#expected.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = open < 0 ? this.#expected : this.#expected.slice(0, open);
    this.#expected = open < 0 ? [] : this.#expected.slice(open);
    const [next] = this.#expected;
    this.#timer = next && this.#clock.setTimeout(() => this.#check(), Math.max(STEP_MS, next.dueMs - nowMs));
    for (const { room, epoch, seq } of due) if (!room.delivered.has(epoch, seq)) room.sync.request('unheard');
  }
}
