import type { ResumeRequest } from '@holdfast/protocol';
import { liveChannel, type OpenResult, StorageUnavailableError } from '@holdfast/session-store';
import { delay } from './clock.js';
import type { Member } from './member.js';
import { NOWHERE } from './position.js';
import { RetryPause } from './retry-pause.js';
import { type HistoryPlan, planFromTail, planHistory } from './resume.js';
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
  recovering: boolean;
  /** Members that joined during an outage and could not be given what they asked for (D3). */
  readonly late: Map<Member, ResumeRequest | undefined>;
}

/** What a member that has joined is told in its welcome. */
export interface Joined {
  readonly room: Room;
  readonly plan: HistoryPlan;
}

/** How long a room without members keeps its position and tail (F5). */
const LINGER_MS = 60_000;
/** How long a join tries before it goes on in memory, when Redis is not known to be away. */
const JOIN_TRIES_MS = 1_000;
const JOIN_PAUSE_MS = 50;
/** A session may be deleted, healed or made anew while it is opened. */
const OPEN_TRIES = 10;
/** A room whose appends fail this long goes on in memory, whatever else Redis answers (D1). */
const FAILING_MS = 300;

/** The rooms of a gateway: opened with the first member, closed some time after the last (F1). */
export class Rooms {
  readonly #context: RoomContext;
  readonly #entries = new Map<string, Entry>();

  constructor(context: RoomContext) {
    this.#context = context;
    context.fanOut.onInterrupted((channels) => this.#interrupted(channels));
    context.storage.onChange((change) => {
      if (change === 'away') this.#allOut();
      else void this.#bury();
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  get(sessionId: string): Room | undefined {
    return this.#entries.get(sessionId)?.room;
  }

  /**
   * Opens or enters a session's room; in memory when Redis is away (D1). Every join is answered by one {@link leave}.
   *
   * @returns nothing when the member wants to go on with an epoch that was deleted (G5)
   */
  async join(member: Member, sessionId: string, resume: ResumeRequest | undefined): Promise<Joined | undefined> {
    const entry = this.#acquire(sessionId);
    const { clock, storage } = this.#context;
    const deadline = clock.monotonic() + JOIN_TRIES_MS;
    while (!storage.away && entry.room.storage === 'redis') {
      try {
        return await this.#enter(entry, member, resume);
      } catch (error) {
        storage.failed(error);
        if (clock.monotonic() >= deadline) break;
        await delay(clock, JOIN_PAUSE_MS);
      }
    }
    return this.#enterInMemory(entry, member, resume);
  }

  leave(member: Member, sessionId: string): void {
    const entry = this.#entries.get(sessionId);
    if (!entry) return;
    entry.room.detach(member);
    entry.late.delete(member);
    entry.users -= 1;
    if (entry.users === 0) this.#unsubscribe(entry);
    if (member.persistent) this.#noteLeaving(entry);
  }

  /** Called about once a second. */
  tick(): void {
    const nowMs = this.#context.clock.monotonic();
    for (const [sessionId, entry] of this.#entries) {
      const { room } = entry;
      if (room.queue.failingMs > FAILING_MS) this.#out(entry);
      room.lastWord.tick(entry.users > 0);
      if (entry.users > 0) room.expiry.check();
      else if (nowMs - entry.idleSinceMs >= LINGER_MS && room.queue.empty && !entry.recovering) {
        room.dispose();
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
    while (!settled() && clock.monotonic() < deadline) await delay(clock, 10);
  }

  dispose(): void {
    for (const { room } of this.#entries.values()) room.dispose();
    this.#entries.clear();
  }

  async #enter(entry: Entry, member: Member, resume: ResumeRequest | undefined): Promise<Joined | undefined> {
    const { room } = entry;
    await this.#subscribed(entry);
    if (!member.persistent) return { room, plan: { recovered: false } };
    for (;;) {
      const opened = await this.#open(room, resume?.epoch);
      if (opened === 'deleted') return undefined;
      const plan = await planHistory(room, this.#context, resume);
      // Else it ended meanwhile: the member gets to know the session that is, not the one that was (C5).
      if (room.position?.epoch === opened.session.epoch || member.closed) return { room, plan };
    }
  }

  #enterInMemory(entry: Entry, member: Member, resume: ResumeRequest | undefined): Joined {
    const { room } = entry;
    this.#out(entry);
    if (!member.persistent) return { room, plan: { recovered: false } };
    const plan = planFromTail(room, resume);
    if (plan) return { room, plan };
    if (member.protocol === 'framed') entry.late.set(member, resume);
    return { room, plan: { recovered: false } };
  }

  /** Loads or creates the session, and lets the room follow it. A session that members here know is healed first. */
  async #open(room: Room, resumeEpoch?: string): Promise<OpenResult | 'deleted'> {
    const { log, storage, deletions } = this.#context;
    const { sessionId } = room;
    for (let attempt = 0; attempt < OPEN_TRIES; attempt++) {
      const known = room.position !== undefined && room.position !== NOWHERE;
      const opened = await log.open(sessionId, { known, ...(resumeEpoch === undefined ? {} : { resumeEpoch }) });
      storage.worked();
      if (opened === 'deleted') return opened;
      if (opened === 'gone') {
        await room.sync.run('gone');
        continue;
      }
      const { session } = opened;
      if (deletions.has(sessionId, session.epoch)) {
        await log.bury(sessionId, session.epoch, session.ttl * 1000);
        continue;
      }
      this.#report(sessionId, opened);
      room.noteSession(session);
      if (room.position?.epoch !== session.epoch) await room.sync.run('open');
      if (room.position?.epoch !== session.epoch) continue;
      room.expiry.confirmed(session.remainingMs, session.ttl);
      return opened;
    }
    throw new StorageUnavailableError(`session ${sessionId} changes faster than it can be opened`);
  }

  #report(sessionId: string, { created, quarantined, session }: OpenResult): void {
    const { reporter } = this.#context;
    if (quarantined !== undefined) reporter.quarantined(sessionId, quarantined);
    if (created) reporter.stored(sessionId, session.ttl);
    else reporter.loaded(sessionId, session.count);
  }

  /** Redis is away: every room goes on in memory (D1). */
  #allOut(): void {
    for (const entry of this.#entries.values()) {
      if (entry.users > 0) this.#out(entry);
    }
  }

  #out(entry: Entry): void {
    entry.room.outage();
    if (!entry.recovering) void this.#recover(entry);
  }

  /** Brings a room back to Redis (D3): sync, then what waits, in order, then its members are told. */
  async #recover(entry: Entry): Promise<void> {
    const { storage } = this.#context;
    const retry = new RetryPause(this.#context);
    entry.recovering = true;
    while (entry.room.storage === 'memory' && this.#entries.has(entry.room.sessionId)) {
      await storage.back();
      if (await this.#recovered(entry)) entry.room.restored();
      else await retry.wait();
    }
    entry.recovering = false;
  }

  async #recovered(entry: Entry): Promise<boolean> {
    const { room } = entry;
    try {
      if (entry.users > 0) await this.#subscribed(entry);
      if ([...room.members()].some((member) => member.persistent) || !room.queue.empty) {
        if (room.position) await room.sync.run('outage');
        await this.#open(room);
        await this.#resumeLate(entry);
      }
      return await room.queue.resume();
    } catch (error) {
      this.#context.storage.failed(error);
      return false;
    }
  }

  /** Members that joined while nothing could be read get what they asked for, on the same socket. */
  async #resumeLate(entry: Entry): Promise<void> {
    const { room, late } = entry;
    for (const [member, resume] of late) {
      const plan = await planHistory(room, this.#context, resume);
      if (!late.delete(member)) continue;
      const from = plan.from ?? room.seq + 1;
      member.tell({ type: 'session', event: 'reset', epoch: room.position?.epoch ?? '', from });
      room.attachAfterHistory(member, from);
    }
  }

  /** An old copy of Redis may have brought back what members here were told is deleted (G5). */
  async #bury(): Promise<void> {
    const { deletions, log, storage } = this.#context;
    for (const { sessionId, epoch, leftMs } of deletions.all()) {
      try {
        await log.bury(sessionId, epoch, leftMs);
      } catch (error) {
        storage.failed(error);
        return;
      }
    }
  }

  #acquire(sessionId: string): Entry {
    const entry = this.#entries.get(sessionId) ?? this.#add(sessionId);
    entry.users += 1;
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
      recovering: false,
      late: new Map(),
    };
    this.#entries.set(sessionId, entry);
    return entry;
  }

  #subscribed(entry: Entry): Promise<void> {
    entry.subscribed ??= this.#subscribe(entry);
    return entry.subscribed;
  }

  #subscribe(entry: Entry): Promise<void> {
    const { room } = entry;
    const subscribed = entry.chain.then(async () => {
      await this.#context.fanOut.subscribe(liveChannel(room.sessionId), (payload) => room.receive(payload));
      // What was published while nobody here listened is in the log.
      if (room.position) await room.sync.run('open');
    });
    entry.chain = subscribed.catch((error: unknown) => {
      this.#context.storage.failed(error);
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
        if (!this.#context.storage.away) await this.#context.log.leave(entry.room.sessionId);
      });
    });
  }

  #chain(entry: Entry, step: () => Promise<void>): void {
    entry.chain = entry.chain.then(step).catch((error: unknown) => this.#context.storage.failed(error));
  }

  #interrupted(channels: readonly string[]): void {
    const lost = new Set(channels);
    for (const [sessionId, { room }] of this.#entries) {
      if (room.position && lost.has(liveChannel(sessionId))) room.sync.request('interrupted');
    }
  }
}
