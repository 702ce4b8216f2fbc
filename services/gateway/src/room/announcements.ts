import type { FanOut } from '@holdfast/fan-out';
import { isCommandRefused } from '@holdfast/redis-client';
import { encodeStored, type Names } from '@holdfast/session-store';
import type { Clock } from '../ports/clock.js';
import type { ShardHealth } from '../redis/shard-health.js';
import type { DeliveredHistory } from './delivery/delivered-history.js';
import type { SyncReason } from './sync/sync.js';

/** What announcements use of their gateway. */
export interface AnnouncementsContext {
  readonly clock: Clock;
  /** From 0 up to 1. */
  random(): number;
  readonly fanOut: Pick<FanOut, 'publish'>;
  readonly names: Pick<Names, 'liveChannel'>;
  readonly shard: Pick<ShardHealth, 'away' | 'failed'>;
}

/** The sync of the room. */
interface Syncing {
  run(reason: SyncReason): Promise<void>;
  request(reason: SyncReason): void;
}

/** An append is followed by an announcement in the second tick after it, unless another append comes first. */
const ANNOUNCE_TICKS = 2;
/** A room that has heard nothing for this long looks into the log; half as long to one and a half times as long. */
const SILENCE_MS = 30_000;
/** Most messages that are published again; a gateway that lacks more reads the log. */
const REPEAT_MAX = 200;

/**
 * Makes lost publishes visible. A lost publish shows when the next one skips ahead (F2), but the last one before a lull
 * has no next. So the gateway that stored it announces, once the session has gone quiet, where its room is: a publish
 * without messages, which every room takes like any other (F4). And because that gateway may die before it does, a quiet
 * room asks the log from time to time.
 */
export class Announcements {
  readonly #delivered: DeliveredHistory;
  readonly #context: AnnouncementsContext;
  readonly #sync: Syncing;
  /** Ticks until the announcement; 0 when none is due. */
  #ticksLeft = 0;
  #askAtMs = 0;

  constructor(delivered: DeliveredHistory, context: AnnouncementsContext, sync: Syncing) {
    this.#delivered = delivered;
    this.#context = context;
    this.#sync = sync;
    this.heard();
  }

  /** This gateway has stored a message. */
  stored(): void {
    this.#ticksLeft = ANNOUNCE_TICKS;
  }

  /** Stored messages, or an announcement, came through the channel. */
  heard(): void {
    const { clock, random } = this.#context;
    this.#askAtMs = clock.monotonic() + SILENCE_MS * (0.5 + random());
  }

  /** Called about once a second. @param hasMembers whether somebody here would miss a message */
  tick(hasMembers: boolean): void {
    if (this.#context.shard.away) return;
    if (this.#ticksLeft > 0) {
      this.#ticksLeft -= 1;
      if (this.#ticksLeft === 0) this.#announce();
    }
    if (!hasMembers || !this.#delivered.position || this.#context.clock.monotonic() < this.#askAtMs) return;
    this.heard();
    this.#sync.request('quiet');
  }

  /**
   * An append's publish found no subscriber, although this gateway is one: the session's slot is on the move, and
   * subscriptions are still with the slot's former owner, where a plain publish goes (A7).
   *
   * @param from the first number that nobody heard
   */
  async repeat(epoch: string, from: number): Promise<void> {
    await this.#sync.run('unheard');
    const { tail, position } = this.#delivered;
    const unheard = tail.from(from, REPEAT_MAX);
    if (!unheard || position?.epoch !== epoch) return;
    const before = { epoch, seq: from - 1, id: tail.at(from - 1)?.id ?? '' };
    const messages = unheard.map(({ senderKey, frame }) => ({ senderKey, frame: frame.toString() }));
    await this.#publish(encodeStored(before, messages)).catch((error: unknown) => this.#context.shard.failed(error));
  }

  #announce(): void {
    const { position, isPlaced } = this.#delivered;
    if (!position || !isPlaced) return;
    this.#publish(encodeStored(position, [])).catch((error: unknown) => {
      this.#context.shard.failed(error);
      // The next tick tries again. In an outage there is none: whatever comes after it ends in a sync. Where publishing
      // is forbidden, rooms learn by looking into the log.
      if (!isCommandRefused(error)) this.#ticksLeft = 1;
    });
  }

  #publish(payload: Buffer): Promise<unknown> {
    const { fanOut, names } = this.#context;
    return fanOut.publish(names.liveChannel(this.#delivered.sessionId), payload);
  }
}
