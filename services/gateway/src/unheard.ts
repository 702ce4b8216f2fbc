import type { Position } from '@holdfast/protocol';
import type { Clock, Timer } from './clock.js';

/** What it needs of its room. */
export interface HearingRoom {
  readonly position: Position | undefined;
  readonly sync: { request(reason: 'unheard'): void };
}

/** How long an append's own publish may take before the log is asked (F2). */
const UNHEARD_MS = 100;

/** What a room's own appends have stored and it has not heard yet. */
export class Unheard {
  readonly #room: HearingRoom;
  readonly #clock: Clock;
  /** Oldest first. */
  #waiting: { readonly epoch: string; readonly seq: number; readonly dueMs: number }[] = [];
  #timer: Timer | undefined;

  constructor(room: HearingRoom, clock: Clock) {
    this.#room = room;
    this.#clock = clock;
  }

  /** An append was answered: what it stored has to be heard soon. */
  stored(epoch: string, seq: number): void {
    if (this.#hasDelivered(epoch, seq)) return;
    this.#waiting.push({ epoch, seq, dueMs: this.#clock.monotonic() + UNHEARD_MS });
    this.#timer ??= this.#clock.setTimeout(() => this.#check(), UNHEARD_MS);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  #check(): void {
    this.#timer = undefined;
    this.#waiting = this.#waiting.filter(({ epoch, seq }) => !this.#hasDelivered(epoch, seq));
    const [oldest] = this.#waiting;
    if (!oldest) return;
    const dueInMs = oldest.dueMs - this.#clock.monotonic();
    if (dueInMs > 0) this.#timer = this.#clock.setTimeout(() => this.#check(), dueInMs);
    else {
      this.#waiting = [];
      this.#room.sync.request('unheard');
    }
  }

  #hasDelivered(epoch: string, seq: number): boolean {
    const { position } = this.#room;
    return position?.epoch === epoch && position.seq >= seq;
  }
}
