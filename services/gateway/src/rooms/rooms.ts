import type { ResumeRequest } from '@holdfast/protocol';
import { liveChannel, NOWHERE, type OpenResult } from '@holdfast/session-store';
import { delay } from '../ports/clock.js';
import type { Member } from '../ports/member.js';
import { Room } from '../room/room.js';
import type { GatewayContext, RoomContext } from '../shared/gateway-context.js';
import { type HistoryPlan, planFromTail, planHistory } from './history-plan.js';
import { openSession } from './open-session.js';
import { Recovery } from './recovery.js';
import { type RoomEntry, roomEntry } from './room-entry.js';
import { SharedCalls } from './shared-calls.js';

/** What a member that has joined is told in its welcome. */
export interface Joined {
  readonly room: Room;
  readonly plan: HistoryPlan;
  /** Nobody knows yet what it gets: it is told when Redis is back (D3). */
  readonly late?: boolean;
}

/** How long a room without members keeps its position and tail (F5). */
const LINGER_MS = 60_000;
/** How long a join tries before it goes on in memory, when Redis is not known to be away. */
const JOIN_TRIES_MS = 1_000;
const JOIN_PAUSE_MS = 50;
/** A room whose appends fail this long goes on in memory, whatever else Redis answers (D1). */
const FAILING_MS = 300;

/** The rooms of a gateway: opened with the first member, closed some time after the last (F1). */
export class Rooms {
  readonly #context: GatewayContext;
  /** What all rooms share that live on the one shard there is; absent in a cluster. */
  readonly #shared: RoomContext | undefined;
  readonly #entries = new Map<string, RoomEntry>();
  readonly #recovery: Recovery;

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#shared = context.sharded ? undefined : { ...context, storage: context.shards.of('') };
    this.#recovery = new Recovery(
      {
        has: (entry) => this.#entries.get(entry.room.sessionId) === entry,
        subscribed: (entry) => this.#subscribed(entry),
      },
      context,
    );
    context.fanOut.onInterrupted((channels) => this.#interrupted(channels));
    context.shards.onChange((change) => {
      if (change === 'away') this.#awayOut();
      else void this.#bury();
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many of them Redis does not store now. */
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
   * @returns nothing when the member wants to go on with an epoch that was deleted (G5)
   */
  async join(member: Member, sessionId: string, resume: ResumeRequest | undefined): Promise<Joined | undefined> {
    const entry = this.#acquire(sessionId);
    const { clock, storage } = entry.room.context;
    const deadline = clock.monotonic() + JOIN_TRIES_MS;
    while (!storage.away && entry.room.storage === 'redis') {
      try {
        const joined = await this.#enterOrGoOn(entry, member, resume);
        if (joined !== 'in memory') return joined;
      } catch (error) {
        storage.failed(error);
        if (clock.monotonic() >= deadline) {
          storage.doesNotStore(error);
          break;
        }
        await delay(clock, JOIN_PAUSE_MS);
      }
    }
    return this.#enterInMemory(entry, member, resume);
  }

  leave(member: Member, sessionId: string): void {
    const entry = this.#entries.get(sessionId);
    if (!entry) return;
    entry.room.audience.detach(member);
    entry.late?.delete(member);
    entry.users -= 1;
    if (entry.users === 0) this.#unsubscribe(entry);
    if (member.persistent) this.#noteLeaving(entry);
  }

  /** Called about once a second. */
  tick(): void {
    for (const entry of this.#entries.values()) {
      const { room } = entry;
      const { failing } = room.queue;
      if (failing && room.context.clock.monotonic() - failing.sinceMs > FAILING_MS && room.storage === 'redis') {
        room.context.storage.doesNotStore(failing.error);
        this.#recovery.out(entry);
      }
      room.lastWord.tick(entry.users > 0);
      if (entry.users > 0) room.expiry.check();
      else if (this.#isDone(entry)) {
        room.dispose();
        this.#entries.delete(room.sessionId);
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

  /** Without members for a while, with nothing to store; what is known of a session outlives an outage (F5). */
  #isDone({ room, idleSinceMs, recovering }: RoomEntry): boolean {
    const lingered = this.#context.clock.monotonic() - idleSinceMs >= LINGER_MS;
    const knowing = room.position !== undefined && room.position !== NOWHERE;
    return lingered && room.queue.empty && !(recovering && knowing);
  }

  /** A sync waits as long as an outage lasts, a member does not. */
  #enterOrGoOn(
    entry: RoomEntry,
    member: Member,
    resume: ResumeRequest | undefined,
  ): Promise<Joined | 'in memory' | undefined> {
    return new Promise((resolve, reject) => {
      const goOn = (): void => resolve('in memory');
      const joining = entry.joining ?? new Set();
      entry.joining = joining.add(goOn);
      this.#enter(entry, member, resume)
        .then(resolve, reject)
        .finally(() => {
          joining.delete(goOn);
          if (joining.size === 0 && entry.joining === joining) entry.joining = undefined;
        });
    });
  }

  async #enter(entry: RoomEntry, member: Member, resume: ResumeRequest | undefined): Promise<Joined | undefined> {
    const { room } = entry;
    await this.#subscribed(entry);
    if (!member.persistent) return { room, plan: { recovered: false } };
    for (;;) {
      const opened = await this.#open(entry, resume?.epoch);
      if (opened === 'deleted') return undefined;
      const plan = await planHistory(room, room.context, resume);
      // Else it ended meanwhile: the member gets to know the session that is, not the one that was (C5).
      if (room.position?.epoch === opened.session.epoch || member.closed) return { room, plan };
    }
  }

  /** Those that join a session together open it once. */
  async #open(entry: RoomEntry, epoch: string | undefined): Promise<OpenResult | 'deleted'> {
    const { room } = entry;
    entry.opens ??= new SharedCalls();
    const { opens } = entry;
    const { result, shared } = await opens.run(epoch ?? '', () => openSession(room, room.context, epoch));
    if (opens.isIdle && entry.opens === opens) entry.opens = undefined;
    if (shared && result !== 'deleted') this.#context.reporter.loaded(room.sessionId, result.session.count);
    return result;
  }

  #enterInMemory(entry: RoomEntry, member: Member, resume: ResumeRequest | undefined): Joined | undefined {
    const { room } = entry;
    entry.newcomers = true;
    this.#recovery.out(entry);
    if (!member.persistent) return { room, plan: { recovered: false } };
    entry.toOpen = true;
    if (this.#wasDeleted(room, resume)) return undefined;
    const plan = planFromTail(room, resume);
    if (plan) return { room, plan };
    if (!member.closed) {
      entry.late ??= new Map();
      entry.late.set(member, { resume, sinceMs: this.#context.clock.now() });
    }
    return { room, plan: { recovered: false }, late: true };
  }

  #wasDeleted({ position, sessionId }: Room, resume: ResumeRequest | undefined): boolean {
    if (resume?.epoch === undefined || (position && position !== NOWHERE)) return false;
    return this.#context.deletions.has(sessionId, resume.epoch);
  }

  /** Redis is away: every room goes on in memory (D1), also those whose members may come back to what they know. */
  #awayOut(): void {
    for (const entry of this.#entries.values()) if (entry.room.context.storage.away) this.#recovery.out(entry);
  }

  /** An old copy of Redis may have brought back what was deleted. */
  async #bury(): Promise<void> {
    const { deletions, log } = this.#context;
    for (const [sessionId, epoch] of deletions.noted()) {
      const { storage } = this.#contextOf(sessionId);
      // Whatever else is back is buried all the same.
      if (!storage.away) await deletions.bury(log, sessionId, epoch).catch((error: unknown) => storage.failed(error));
    }
  }

  #contextOf(sessionId: string): RoomContext {
    return this.#shared ?? { ...this.#context, storage: this.#context.shards.of(liveChannel(sessionId)) };
  }

  #acquire(sessionId: string): RoomEntry {
    let entry = this.#entries.get(sessionId);
    if (!entry) {
      entry = roomEntry(new Room(sessionId, this.#contextOf(sessionId)));
      this.#entries.set(sessionId, entry);
    }
    entry.users += 1;
    return entry;
  }

  #subscribed(entry: RoomEntry): Promise<void> {
    entry.subscribed ??= this.#subscribe(entry);
    return entry.subscribed;
  }

  #subscribe(entry: RoomEntry): Promise<void> {
    const { room } = entry;
    const subscribed = entry.chain.then(async () => {
      await this.#context.fanOut.subscribe(liveChannel(room.sessionId), (payload) => room.receive(payload));
      // What was published while nobody here listened is in the log.
      if (room.position) await room.sync.run('open');
    });
    entry.chain = subscribed.catch((error: unknown) => {
      room.context.storage.failed(error);
      // Another one may have been made since, after members had left.
      if (entry.subscribed === subscribed) entry.subscribed = undefined;
    });
    return subscribed;
  }

  #unsubscribe(entry: RoomEntry): void {
    entry.idleSinceMs = this.#context.clock.monotonic();
    if (!entry.subscribed) return;
    entry.subscribed = undefined;
    this.#chain(entry, () => this.#context.fanOut.unsubscribe(liveChannel(entry.room.sessionId)));
  }

  /** Members that leave in one turn are noted together; after unsubscribing, which tells that nobody is left (K1). */
  #noteLeaving(entry: RoomEntry): void {
    if (entry.leaving) return;
    entry.leaving = true;
    this.#context.clock.defer(() => {
      this.#chain(entry, async () => {
        entry.leaving = false;
        if (!entry.room.context.storage.away) await this.#context.log.leave(entry.room.sessionId);
      });
    });
  }

  #chain(entry: RoomEntry, step: () => Promise<void>): void {
    entry.chain = entry.chain.then(step).catch((error: unknown) => entry.room.context.storage.failed(error));
  }

  #interrupted(channels: readonly string[]): void {
    const lost = new Set(channels);
    for (const [sessionId, { room, users }] of this.#entries) {
      // What Redis has lost with the connection, only a room without members may still have.
      if (room.position && (users === 0 || lost.has(liveChannel(sessionId)))) room.sync.request('interrupted');
    }
    void this.#bury();
  }
}
