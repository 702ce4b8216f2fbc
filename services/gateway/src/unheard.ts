import type { Position } from '@holdfast/protocol';
import { encodeStored, type LiveMessage, liveChannel } from '@holdfast/session-store';
import type { Timer } from './clock.js';
import type { RoomContext } from './room-context.js';

/** How long an append's own publish may take before the log is asked (F2). */
const UNHEARD_MS = 100;
/** Most messages that are said again; whoever lacks more asks the log. */
const AGAIN_MAX = 200;

/** What it needs of its room. */
export interface HearingRoom {
  hasDelivered(epoch: string, seq: number): boolean;
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly tail: {
    at(seq: number): LiveMessage | undefined;
    from(seq: number, limit: number): LiveMessage[] | undefined;
  };
  readonly sync: { request(reason: 'unheard'): void; run(reason: 'unheard'): Promise<void> };
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

  /**
   * A publish found no subscriber although this gateway is one: the session's slot is on the move, and subscriptions
   * are still with its owner, where a plain publish goes (A7).
   *
   * @param from the first number that nobody heard
   */
  async sayAgain(epoch: string, from: number): Promise<void> {
    const room = this.#room;
    await room.sync.run('unheard');
    const unheard = room.tail.from(from, AGAIN_MAX);
    if (!unheard || room.position?.epoch !== epoch) return;
    const before = { epoch, seq: from - 1, id: room.tail.at(from - 1)?.id ?? '' };
    const messages = unheard.map(({ senderKey, frame }) => ({ senderKey, frame: frame.toString() }));
    const { fanOut, storage } = this.#context;
    await fanOut
      .publish(liveChannel(room.sessionId), encodeStored(before, messages))
      .catch((error: unknown) => storage.failed(error));
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
