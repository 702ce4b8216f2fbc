import { NOWHERE } from '@holdfast/session-store';
import { RetryPause } from '../ports/retry-pause.js';
import type { GatewayContext } from '../shared/gateway-context.js';
import { firstSince } from './first-since.js';
import { planHistory } from './history-plan.js';
import { openSession } from './open-session.js';
import type { RoomEntry } from './room-entry.js';

/** How far Redis' clock, which messages have their time from, may be behind the gateway's. */
const CLOCKS_DIFFER_MS = 5_000;

/** What a recovery needs of the rooms. */
export interface RecoveringRooms {
  /** Whether the entry is still one of theirs. */
  has(entry: RoomEntry): boolean;
  /** Resolves when the room's channel is subscribed. */
  subscribed(entry: RoomEntry): Promise<void>;
}

/** Takes rooms into memory when they cannot be stored (D1), and brings them back (D3). */
export class Recovery {
  readonly #rooms: RecoveringRooms;
  readonly #context: GatewayContext;

  constructor(rooms: RecoveringRooms, context: GatewayContext) {
    this.#rooms = rooms;
    this.#context = context;
  }

  /** The room goes on in memory until Redis takes its messages again. */
  out(entry: RoomEntry): void {
    entry.room.outage();
    for (const goOn of entry.joining ?? []) goOn();
    if (!entry.recovering) void this.#recover(entry);
  }

  async #recover(entry: RoomEntry): Promise<void> {
    const { storage } = entry.room.context;
    const retry = new RetryPause(this.#context);
    entry.recovering = true;
    while (entry.room.storage === 'memory' && this.#rooms.has(entry)) {
      if (storage.away) await storage.back();
      else await retry.wait();
      if (await this.#recovered(entry)) entry.room.restored();
    }
    entry.recovering = false;
  }

  /** Sync, then what waits, in order; then its members are told. */
  async #recovered(entry: RoomEntry): Promise<boolean> {
    const { room } = entry;
    entry.newcomers = false;
    try {
      if (entry.users > 0) await this.#rooms.subscribed(entry);
      if (room.position) await room.sync.run('outage');
      // Those who were there before keep nothing alive, and bring nothing back that has ended (T1, G5).
      if (entry.toOpen || (entry.late?.size ?? 0) > 0 || !room.queue.empty) {
        entry.toOpen = false;
        await openSession(room, room.context).catch((error: unknown) => {
          entry.toOpen = true;
          throw error;
        });
      }
      await this.#resumeLate(entry);
      // For whoever has come meanwhile nothing of this was done.
      return (await room.queue.resume()) && !entry.late?.size && !entry.newcomers;
    } catch (error) {
      room.context.storage.failed(error);
      return false;
    }
  }

  /** Members that joined while nothing could be read get what they asked for, on the same socket. */
  async #resumeLate({ room, late }: RoomEntry): Promise<void> {
    for (const [member, { resume, sinceMs }] of late ?? []) {
      // It is about to be welcomed.
      if (!room.audience.has(member)) continue;
      const plan = await planHistory(room, room.context, resume);
      const { epoch } = room.position ?? NOWHERE;
      // It has ended meanwhile: there is another one to be opened first.
      if (epoch === NOWHERE.epoch) return;
      if (!late?.delete(member)) continue;
      const from = plan.from ?? Math.max(room.firstSeq, firstSince(room, sinceMs - CLOCKS_DIFFER_MS));
      // What was trimmed meanwhile is told as a gap, from where the member is: numbers go on in a new epoch too.
      const due = resume?.epoch === undefined ? from : resume.lastSeq + 1;
      room.audience.restart(member, epoch, Math.min(from, due));
    }
  }
}
