import type { ResumeRequest } from '@holdfast/protocol';
import { SessionCorruptError } from '@holdfast/session-store';
import { delay } from '../ports/clock.js';
import type { Member } from '../ports/member.js';
import { Room, type RoomContext } from '../room/room.js';
import type { GatewayContext } from './gateway-context.js';
import { type HistoryPlan, planFromTail, planHistory, type WaitAside } from './history-plan.js';
import { RoomEntry } from './room-entry.js';

/** What a member that has joined is told in its welcome. */
export interface Joined {
  readonly room: Room;
  readonly plan: HistoryPlan;
  /** Nobody knows yet what the member gets: it is told when Redis is back (D3). */
  readonly late?: boolean;
}

/** How long a room without members keeps its position and tail (F5). */
const LINGER_MS = 60_000;
/** How long a join tries before it goes on in memory, when Redis is not known to be away. */
const JOIN_TRIES_MS = 1_000;
const JOIN_PAUSE_MS = 50;
/** A room whose appends fail this long goes on in memory, whatever else Redis answers (D1). */
const FAILING_MS = 300;
const FLUSH_LOOK_MS = 10;

/** The rooms of a gateway: opened with the first member, closed some time after the last (F1). */
export class Rooms {
  readonly #context: GatewayContext;
  /** The context of all rooms where there is one shard; absent in a cluster. */
  readonly #onlyContext: RoomContext | undefined;
  readonly #entries = new Map<string, RoomEntry>();

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#onlyContext = context.sharded ? undefined : { ...context, shard: context.shards.of('') };
    context.fanOut.onInterrupted((channels) => this.#interrupted(channels));
    context.shards.onChange((change) => {
      if (change === 'away') this.#goOnInMemory();
      else void this.#bury();
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many rooms Redis does not store now. */
  get inMemory(): number {
    let count = 0;
    for (const { room } of this.#entries.values()) if (room.storage === 'memory') count += 1;
    return count;
  }

  get(sessionId: string): Room | undefined {
    return this.#entries.get(sessionId)?.room;
  }

  /**
   * Opens or enters a session's room; in memory when Redis is away (D1). Every join is answered by one {@link leave}.
   *
   * @param aside runs a wait that others need not wait for
   * @returns `undefined` when the member wants to go on with an epoch that was deleted (G5)
   * @throws {SessionCorruptError} when the session's key belongs to another program (K8)
   */
  async join(
    member: Member,
    sessionId: string,
    resume: ResumeRequest | undefined,
    aside: WaitAside,
  ): Promise<Joined | undefined> {
    const entry = this.#enter(sessionId);
    const { clock, shard } = entry.room.context;
    const deadline = clock.monotonic() + JOIN_TRIES_MS;
    while (!shard.away && entry.room.storage === 'redis') {
      try {
        const joined = await entry.unlessOutage(() => this.#join(entry, member, resume, aside));
        if (joined !== 'in memory') return joined;
      } catch (error) {
        // Going on in memory would promise what can never be stored.
        if (error instanceof SessionCorruptError && error.isForeign) throw error;
        shard.failed(error);
        if (clock.monotonic() >= deadline) {
          shard.doesNotStore(error);
          break;
        }
        await delay(clock, JOIN_PAUSE_MS);
      }
    }
    return this.#joinInMemory(entry, member, resume);
  }

  leave(member: Member, sessionId: string): void {
    this.#entries.get(sessionId)?.leave(member);
  }

  /** Called about once a second. */
  tick(): void {
    const nowMs = this.#context.clock.monotonic();
    for (const entry of this.#entries.values()) {
      const { room } = entry;
      const { failing } = room.queue;
      if (failing && nowMs - failing.sinceMs > FAILING_MS && room.storage === 'redis') {
        room.context.shard.doesNotStore(failing.error);
        entry.goOnInMemory();
      }
      room.tick(entry.hasMembers);
      if (!entry.hasLingered(LINGER_MS)) continue;
      entry.close();
      this.#entries.delete(room.sessionId);
    }
  }

  /** Resolves when nothing waits to be stored and every leave was noted; at the latest after a time. */
  async flush(timeoutMs: number): Promise<void> {
    const { clock } = this.#context;
    const deadline = clock.monotonic() + timeoutMs;
    const isSettled = (): boolean => [...this.#entries.values()].every((entry) => entry.isSettled);
    while (!isSettled() && clock.monotonic() < deadline) await delay(clock, FLUSH_LOOK_MS);
  }

  dispose(): void {
    for (const entry of this.#entries.values()) entry.close();
    this.#entries.clear();
  }

  #enter(sessionId: string): RoomEntry {
    let entry = this.#entries.get(sessionId);
    if (!entry) {
      entry = new RoomEntry(new Room(sessionId, this.#contextOf(sessionId)), this.#context);
      this.#entries.set(sessionId, entry);
    }
    entry.enter();
    return entry;
  }

  #contextOf(sessionId: string): RoomContext {
    return (
      this.#onlyContext ?? {
        ...this.#context,
        shard: this.#context.shards.of(this.#context.names.liveChannel(sessionId)),
      }
    );
  }

  async #join(
    entry: RoomEntry,
    member: Member,
    resume: ResumeRequest | undefined,
    aside: WaitAside,
  ): Promise<Joined | undefined> {
    const { room } = entry;
    await entry.subscribed();
    if (!member.persistent) return { room, plan: { recovered: false } };
    for (;;) {
      const opened = await entry.open(resume?.epoch);
      if (opened === 'deleted') return undefined;
      const plan = await planHistory(room, resume, aside);
      // Otherwise the session has ended meanwhile: the member gets to know the one that is, not the one that was (C5).
      if (room.delivered.position?.epoch === opened.session.epoch || member.closed) return { room, plan };
    }
  }

  #joinInMemory(entry: RoomEntry, member: Member, resume: ResumeRequest | undefined): Joined | undefined {
    const { room } = entry;
    const recovery = entry.goOnInMemory();
    recovery.joined(member);
    if (!member.persistent) return { room, plan: { recovered: false } };
    if (this.#wasDeleted(room, resume)) return undefined;
    const plan = planFromTail(room.delivered, resume);
    if (plan) return { room, plan };
    if (!member.closed) recovery.owe(member, resume);
    return { room, plan: { recovered: false }, late: true };
  }

  #wasDeleted({ delivered, sessionId }: Room, resume: ResumeRequest | undefined): boolean {
    if (resume?.epoch === undefined || delivered.isPlaced) return false;
    return this.#context.deletions.has(sessionId, resume.epoch);
  }

  /** A shard is away: its rooms go on in memory, also those whose members may come back to what they know (D1). */
  #goOnInMemory(): void {
    for (const entry of this.#entries.values()) if (entry.room.context.shard.away) entry.goOnInMemory();
  }

  /** An old copy of Redis may have brought back what was deleted: it is deleted again (G5). */
  async #bury(): Promise<void> {
    const { deletions, log } = this.#context;
    for (const [sessionId, epoch] of deletions.noted()) {
      const { shard } = this.#contextOf(sessionId);
      // One shard that fails keeps nothing on the others from being buried.
      if (!shard.away) await deletions.bury(log, sessionId, epoch).catch((error: unknown) => shard.failed(error));
    }
  }

  #interrupted(channels: readonly string[]): void {
    const { names } = this.#context;
    const lost = new Set(channels);
    for (const [sessionId, entry] of this.#entries) entry.interrupted(lost.has(names.liveChannel(sessionId)));
    void this.#bury();
  }
}
