import type { Position } from '@holdfast/protocol';
import { encodeStored, liveChannel, NOWHERE } from '@holdfast/session-store';
import type { RoomContext } from '../shared/gateway-context.js';

/** What it needs of its room. */
export interface QuietRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly sync: { request(reason: 'quiet'): void };
}

/** An append is followed by an announcement in the second second after it, unless another one comes first. */
const ANNOUNCE_TICKS = 2;
/** A room that has heard nothing for so long looks into the log, up to half of it earlier or later. */
const SILENCE_MS = 30_000;

/**
 * A publish that was lost shows when the next one skips ahead (F2); the last one before a lull has no next. So the
 * gateway that stored it says once more, when the session has gone quiet, where its room is: a publish of no messages,
 * which every room takes as any other (F4). And because that gateway may die before, a quiet room asks the log from
 * time to time.
 */
export class LastWord {
  readonly #room: QuietRoom;
  readonly #context: RoomContext;
  #ticksLeft = 0;
  #askAtMs = 0;

  constructor(room: QuietRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
    this.heard();
  }

  /** This gateway has stored a message. */
  stored(): void {
    this.#ticksLeft = ANNOUNCE_TICKS;
  }

  /** Something stored has come through the channel. */
  heard(): void {
    const { clock, random } = this.#context;
    this.#askAtMs = clock.monotonic() + SILENCE_MS * (0.5 + random());
  }

  /** Called about once a second. @param hasMembers who would miss something */
  tick(hasMembers: boolean): void {
    if (this.#context.storage.away) return;
    if (this.#ticksLeft > 0) {
      this.#ticksLeft -= 1;
      if (this.#ticksLeft === 0) this.#announce();
    }
    if (!hasMembers || !this.#room.position || this.#context.clock.monotonic() < this.#askAtMs) return;
    this.heard();
    this.#room.sync.request('quiet');
  }

  #announce(): void {
    const { sessionId, position } = this.#room;
    if (!position || position === NOWHERE) return;
    this.#context.fanOut.publish(liveChannel(sessionId), encodeStored(position, [])).catch((error: unknown) => {
      this.#context.storage.failed(error);
      // Not for ever: while nothing answers, whatever comes next ends in a sync.
      this.#ticksLeft = 1;
    });
  }
}
