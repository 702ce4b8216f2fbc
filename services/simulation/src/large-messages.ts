import type { SeededRandom } from '@holdfast/testkit';

export interface LargeMessagesPlan {
  /** `MESSAGE_MAX_BYTES`: most bytes of a content in UTF-8 (C6). */
  readonly limit: number;
  /** How many of the messages are large: a share from 0 to 1. */
  readonly share: number;
  /** Bytes of frames at which the gateway does something else: memories, and bounds of what it sends at once. */
  readonly bounds: readonly number[];
}

/** What a content is filled with: UTF-8 takes 1 to 4 bytes for it, JSON up to 6. */
const FILLERS = ['x', '"', '\u0001', 'é', '😀'] as const;
/** About as many bytes of a frame are not the content. */
const FRAME_BYTES = 150;
/** How far a size may be from the bound that it is drawn for, in bytes: on either side of it. */
const NEAR_BYTES = 60;
/** A bound is reached by at most this many messages more than are needed. */
const SPARE_MESSAGES = 3;

/** Lengthens some of a run's contents, up to the limit of a message. */
export class LargeMessages {
  readonly #random: SeededRandom;
  readonly #plan: LargeMessagesPlan;

  constructor(random: SeededRandom, plan: LargeMessagesPlan) {
    this.#random = random;
    this.#plan = plan;
  }

  /** @returns the text itself, or the text with something behind it */
  lengthen(text: string): string {
    const random = this.#random;
    if (!random.chance(this.#plan.share)) return text;
    const filler = random.pick(FILLERS);
    const most = Math.floor((this.#plan.limit - text.length - 1) / Buffer.byteLength(filler));
    const wanted = this.#fillers(filler, most);
    return `${text} ${filler.repeat(Math.max(0, Math.min(most, wanted)))}`;
  }

  /** How many fillers a content gets: as many as there is room for, or for one of the bounds, or any number. */
  #fillers(filler: string, most: number): number {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.3) return most - random.pick([0, 0, 1, 2]);
    if (kind < 0.6) return Math.round(most ** random.next());
    const each = Buffer.byteLength(JSON.stringify(filler)) - 2;
    const bound = random.pick(this.#plan.bounds);
    const needed = Math.ceil(bound / (most * each + FRAME_BYTES));
    const together = needed + random.int(0, SPARE_MESSAGES);
    return Math.floor((bound / together - FRAME_BYTES + random.int(-NEAR_BYTES, NEAR_BYTES)) / each);
  }
}
