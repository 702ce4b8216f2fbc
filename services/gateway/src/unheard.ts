import type { Timer } from './clock.js';
import type { RoomContext } from './room-context.js';

/** How long an append's own publish may take before the log is asked (F2). */
const UNHEARD_MS = 100;

/** What it needs of its room. */
export interface HearingRoom {
  hasDelivered(epoch: string, seq: number): boolean;
  readonly sync: { request(reason: 'unheard'): void };
}

/** What this gateway has stored and not heard through the channel yet: pub/sub may have lost it (F2). */
export class Unheard {
  readonly #room: HearingRoom;
  readonly #context: RoomContext;
  /** Oldest first. */
  #waiting: { readonly epoch: string; readonly seq: number; readonly dueMs: number }[] = [];
  #timer: Timer | undefined;

  constructor(room: HearingRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
  }

  /** An append was answered: what it stored is to be heard soon. */
  expect(epoch: string, seq: number): void {
    if (this.#room.hasDelivered(epoch, seq)) return;
    const { clock } = this.#context;
    this.#waiting.push({ epoch, seq, dueMs: clock.monotonic() + UNHEARD_MS });
    this.#timer ??= clock.setTimeout(() => this.#check(), UNHEARD_MS);
  }

  stop(): void {
    this.#context.clock.clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #check(): void {
    const { clock } = this.#context;
    this.#timer = undefined;
    this.#waiting = this.#waiting.filter(({ epoch, seq }) => !this.#room.hasDelivered(epoch, seq));
    const [oldest] = this.#waiting;
    if (!oldest) return;
    const dueInMs = oldest.dueMs - clock.monotonic();
    if (dueInMs > 0) this.#timer = clock.setTimeout(() => this.#check(), dueInMs);
    else {
      this.#waiting = [];
      this.#room.sync.request('unheard');
    }
  }
}
