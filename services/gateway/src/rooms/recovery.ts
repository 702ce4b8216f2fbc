import type { ResumeRequest } from '@holdfast/protocol';
import { NOWHERE } from '@holdfast/session-store';
import type { Member } from '../ports/member.js';
import { RetryPause } from '../ports/retry-pause.js';
import type { Room } from '../room/room.js';
import { catchUp, firstSince, planHistory } from './history-plan.js';
import { openSession } from './open-session.js';

/** How far Redis' clock, which messages have their time from, may be behind the gateway's. */
const CLOCKS_DIFFER_MS = 5_000;

/** What a recovery uses of the entry of its room. */
export interface RecoveringEntry {
  readonly room: Room;
  /** Whether the gateway still has the room. */
  readonly isOpen: boolean;
  readonly hasMembers: boolean;
  /** Subscribes the channel. @returns resolves when it is subscribed and the room has caught up */
  subscribed(): Promise<void>;
  /** The room is stored again, and its recovery is over. */
  recovered(): void;
}

/** What a member asked for, and when it was welcomed without it. */
interface LateJoin {
  readonly resume: ResumeRequest | undefined;
  /** Unix milliseconds. */
  readonly sinceMs: number;
}

/**
 * A room's time in memory (D1) and its way back (D3): exists from when the room's messages cannot be stored until they
 * are stored again. Remembers what is owed to members that joined meanwhile.
 */
export class Recovery {
  readonly #entry: RecoveringEntry;
  /** Whether somebody has joined since the last attempt began. */
  #hasNewcomers = false;
  /** Whether somebody has joined whose connecting the session has not been told of (C5). */
  #hasToOpen = false;
  /** Members that could not be given what they asked for. */
  readonly #late = new Map<Member, LateJoin>();
  #isOver = false;

  constructor(entry: RecoveringEntry) {
    this.#entry = entry;
  }

  /** A member has joined in memory. */
  joined({ persistent }: Member): void {
    this.#hasNewcomers = true;
    if (persistent) this.#hasToOpen = true;
  }

  /** A member is welcomed without what it asked for, and is given that once Redis is back. */
  owe(member: Member, resume: ResumeRequest | undefined): void {
    this.#late.set(member, { resume, sinceMs: this.#entry.room.context.clock.now() });
  }

  left(member: Member): void {
    this.#late.delete(member);
  }

  /** Tries until the room is stored again, or closed. */
  async run(): Promise<void> {
    const { context } = this.#entry.room;
    const retry = new RetryPause(context);
    while (!this.#isOver && this.#entry.isOpen) {
      if (context.shard.away) await context.shard.back();
      else await retry.wait();
      await this.#attempt().catch((error: unknown) => context.shard.failed(error));
    }
  }

  /** Syncs the room, then stores what waits, in order; then tells the members. @throws {Error} when Redis fails again */
  async #attempt(): Promise<void> {
    const { room } = this.#entry;
    this.#hasNewcomers = false;
    if (this.#entry.hasMembers) await this.#entry.subscribed();
    if (room.delivered.position) await room.sync.run('outage');
    // Members who were there before refresh nothing, and bring nothing back that has ended (T1, G5).
    if (this.#hasToOpen || this.#late.size > 0 || !room.queue.isEmpty) await this.#open();
    await this.#resumeLate();
    const isStored = await room.queue.resume();
    // None of this was done for members who have come meanwhile.
    if (!isStored || this.#late.size > 0 || this.#hasNewcomers) return;
    room.restored();
    this.#isOver = true;
    this.#entry.recovered();
  }

  async #open(): Promise<void> {
    this.#hasToOpen = false;
    await openSession(this.#entry.room).catch((error: unknown) => {
      this.#hasToOpen = true;
      throw error;
    });
  }

  /** Members that joined while nothing could be read get what they asked for, on the same socket. */
  async #resumeLate(): Promise<void> {
    const { room } = this.#entry;
    const { delivered, audience } = room;
    // One wait for all of them (R2), because each that waited by itself would put off the room's way back.
    const newest = [...this.#late.values()]
      .filter(({ resume }) => resume?.epoch !== undefined && resume.epoch === delivered.position?.epoch)
      .reduce((most, { resume }) => Math.max(most, resume?.lastSeq ?? 0), 0);
    if (newest > delivered.seq) await catchUp(room, newest, (wait) => wait());
    for (const [member, { resume, sinceMs }] of this.#late) {
      // A member that has not been welcomed yet is about to be.
      if (!audience.has(member)) continue;
      const plan = await planHistory(room, resume, async () => undefined);
      const { epoch } = delivered.position ?? NOWHERE;
      // The session has ended meanwhile: the next attempt opens the one after it.
      if (epoch === NOWHERE.epoch) return;
      const from = plan.from ?? (await firstSince(room, sinceMs - CLOCKS_DIFFER_MS));
      // The number counts in the epoch in which it was found: the next attempt looks again.
      if (delivered.position?.epoch !== epoch) return;
      if (!this.#late.delete(member)) continue;
      // What is not kept of the history that the member does not have is told as a gap: its welcome did not say it (R2).
      audience.restart(member, epoch, plan.differsFrom ?? from);
    }
  }
}
