import type { ResumeRequest } from '@holdfast/protocol';
import { liveChannel, type StoredSession } from '@holdfast/session-store';
import type { Member } from './member.js';
import { type HistoryPlan, planHistory } from './resume.js';
import { Room } from './room.js';
import type { RoomContext } from './room-context.js';

/** A room with who uses it. */
interface Entry {
  readonly room: Room;
  /** Members, including those that are still joining. */
  users: number;
  /** Resolves when the channel is subscribed and the room has caught up; absent: not subscribed. */
  subscribed: Promise<void> | undefined;
  /** Subscribing, unsubscribing and leaving, one after the other. */
  chain: Promise<void>;
  leaving: boolean;
  idleSinceMs: number;
}

/** What a member that has joined is told in its welcome. */
export interface Joined {
  readonly room: Room;
  readonly plan: HistoryPlan;
}

/** How long a room without members keeps its position and tail (F5). */
const LINGER_MS = 60_000;

/** The rooms of a gateway: opened with the first member, closed some time after the last (F1). */
export class Rooms {
  readonly #context: RoomContext;
  readonly #entries = new Map<string, Entry>();

  constructor(context: RoomContext) {
    this.#context = context;
    context.fanOut.onInterrupted((channels) => this.#interrupted(channels));
  }

  get size(): number {
    return this.#entries.size;
  }

  get(sessionId: string): Room | undefined {
    return this.#entries.get(sessionId)?.room;
  }

  /**
   * Opens or enters a session's room. Every join is answered by one {@link leave}.
   *
   * @returns nothing when the member wants to go on with an epoch that was deleted (G5)
   * @throws {StorageUnavailableError}
   */
  async join(member: Member, sessionId: string, resume: ResumeRequest | undefined): Promise<Joined | undefined> {
    const entry = this.#acquire(sessionId);
    const { room } = entry;
    await entry.subscribed;
    if (!member.persistent) return { room, plan: { recovered: false } };
    for (;;) {
      const session = await this.#open(sessionId, resume?.epoch);
      if (!session) return undefined;
      if (room.position?.epoch !== session.epoch) await room.sync.run('open');
      room.expiry.confirmed(session.remainingMs, session.ttl);
      const plan = await planHistory(room, this.#context, resume);
      // Else it ended meanwhile: the member gets to know the session that is, not the one that was (C5).
      if (room.position?.epoch === session.epoch || member.closed) return { room, plan };
    }
  }

  leave(member: Member, sessionId: string): void {
    const entry = this.#entries.get(sessionId);
    if (!entry) return;
    entry.room.detach(member);
    entry.users -= 1;
    if (entry.users === 0) this.#unsubscribe(entry);
    if (member.persistent) this.#noteLeaving(entry);
  }

  /** Called about once a second. */
  tick(): void {
    const nowMs = this.#context.clock.monotonic();
    for (const [sessionId, entry] of this.#entries) {
      entry.room.lastWord.tick(entry.users > 0);
      if (entry.users > 0) entry.room.expiry.check();
      else if (nowMs - entry.idleSinceMs >= LINGER_MS && entry.room.queue.empty) {
        entry.room.dispose();
        this.#entries.delete(sessionId);
      }
    }
  }

  /** Resolves when nothing is waiting to be stored and every leave was noted, or after a time. */
  async flush(timeoutMs: number): Promise<void> {
    const { clock } = this.#context;
    const deadline = clock.monotonic() + timeoutMs;
    const settled = (): boolean =>
      [...this.#entries.values()].every((entry) => entry.room.queue.empty && !entry.leaving);
    while (!settled() && clock.monotonic() < deadline) {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 10));
    }
  }

  dispose(): void {
    for (const { room } of this.#entries.values()) room.dispose();
    this.#entries.clear();
  }

  /** @returns nothing when the epoch was deleted */
  async #open(sessionId: string, epoch: string | undefined): Promise<StoredSession | undefined> {
    const { log, reporter } = this.#context;
    const opened = await log.open(sessionId, epoch);
    reporter.storageWorked();
    if (opened === 'deleted') return undefined;
    const { session } = opened;
    if (opened.quarantined !== undefined) reporter.quarantined(sessionId, opened.quarantined);
    if (opened.created) reporter.stored(sessionId, session.ttl);
    else reporter.loaded(sessionId, session.count);
    return session;
  }

  #acquire(sessionId: string): Entry {
    const entry = this.#entries.get(sessionId) ?? this.#add(sessionId);
    entry.users += 1;
    entry.subscribed ??= this.#subscribe(entry);
    return entry;
  }

  #add(sessionId: string): Entry {
    const entry: Entry = {
      room: new Room(sessionId, this.#context),
      users: 0,
      subscribed: undefined,
      chain: Promise.resolve(),
      leaving: false,
      idleSinceMs: 0,
    };
    this.#entries.set(sessionId, entry);
    return entry;
  }

  #subscribe(entry: Entry): Promise<void> {
    const { room } = entry;
    const subscribed = entry.chain.then(async () => {
      await this.#context.fanOut.subscribe(liveChannel(room.sessionId), (payload) => room.receive(payload));
      // What was published while nobody here listened is in the log.
      if (room.position) await room.sync.run('open');
    });
    entry.chain = subscribed.catch((error: unknown) => {
      this.#context.reporter.storageFailed(error);
      // Another one may have been made since, after members had left.
      if (entry.subscribed === subscribed) entry.subscribed = undefined;
    });
    return subscribed;
  }

  #unsubscribe(entry: Entry): void {
    entry.idleSinceMs = this.#context.clock.monotonic();
    if (!entry.subscribed) return;
    entry.subscribed = undefined;
    this.#chain(entry, () => this.#context.fanOut.unsubscribe(liveChannel(entry.room.sessionId)));
  }

  /** Members that leave in one turn are noted together; after unsubscribing, which tells that nobody is left (K1). */
  #noteLeaving(entry: Entry): void {
    if (entry.leaving) return;
    entry.leaving = true;
    this.#context.clock.defer(() => {
      this.#chain(entry, async () => {
        entry.leaving = false;
        await this.#context.log.leave(entry.room.sessionId);
      });
    });
  }

  #chain(entry: Entry, step: () => Promise<void>): void {
    entry.chain = entry.chain.then(step).catch((error: unknown) => this.#context.reporter.storageFailed(error));
  }

  #interrupted(channels: readonly string[]): void {
    const lost = new Set(channels);
    for (const [sessionId, { room }] of this.#entries) {
      if (room.position && lost.has(liveChannel(sessionId))) room.sync.request('interrupted');
    }
  }
}
