import type { OpenResult } from '@holdfast/session-store';
import type { Member } from '../ports/member.js';
import type { Room } from '../room/room.js';
import type { GatewayContext } from './gateway-context.js';
import { openSession } from './open-session.js';
import { Recovery } from './recovery.js';
import { SharedCalls } from './shared-calls.js';

/**
 * A room with who uses it: the subscription of its channel, the joins that are going on, and its time in memory. Members
 * {@link enter} before they join and {@link leave} once; the channel is subscribed from the first join until the last
 * member has left (F1).
 */
export class RoomEntry {
  readonly room: Room;
  readonly #context: Pick<GatewayContext, 'clock' | 'fanOut' | 'log' | 'names' | 'reporter'>;
  /** Members, including those that are still joining. */
  #users = 0;
  /** Resolves when the channel is subscribed and the room has caught up; absent: not subscribed. */
  #subscribed: Promise<void> | undefined;
  /** Subscribing, unsubscribing and leaving, one after the other. */
  #chain: Promise<void> = Promise.resolve();
  /** Opens the session for all that join at once; exists while somebody does. */
  #opens: SharedCalls<OpenResult | 'deleted'> | undefined;
  /** Let those that are joining go on in memory; exists while somebody joins. */
  #joining: Set<() => void> | undefined;
  /** Whether a leave is about to be noted in Redis. */
  #isLeaving = false;
  /** When the last member left; monotonic milliseconds. */
  #idleSinceMs = 0;
  /** Exists while the room is in memory. */
  #recovery: Recovery | undefined;
  #isOpen = true;

  constructor(room: Room, context: Pick<GatewayContext, 'clock' | 'fanOut' | 'log' | 'names' | 'reporter'>) {
    this.room = room;
    this.#context = context;
  }

  get hasMembers(): boolean {
    return this.#users > 0;
  }

  /** Whether the gateway still has the room. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether nothing is left to be stored, neither messages nor that a member has left. */
  get isSettled(): boolean {
    return this.room.queue.isEmpty && !this.#isLeaving;
  }

  /** Whether nobody has used the room for a time; what it knows of its session is kept as long as an outage (F5). */
  hasLingered(lingerMs: number): boolean {
    if (this.hasMembers || this.#context.clock.monotonic() - this.#idleSinceMs < lingerMs) return false;
    return this.room.queue.isEmpty && !(this.#recovery && this.room.delivered.isPlaced);
  }

  /** A member is on its way into the room; answered by one {@link leave}. */
  enter(): void {
    this.#users += 1;
  }

  leave(member: Member): void {
    this.room.audience.detach(member);
    this.#recovery?.left(member);
    this.#users -= 1;
    if (this.#users === 0) this.#unsubscribe();
    if (member.persistent) this.#noteLeaving();
  }

  close(): void {
    this.#isOpen = false;
    this.room.dispose();
  }

  /** Subscribes the channel. @returns resolves when it is subscribed and the room has caught up */
  subscribed(): Promise<void> {
    this.#subscribed ??= this.#subscribe();
    return this.#subscribed;
  }

  /** Opens the session; members that join together open it once (C5). @param epoch that a member wants to go on with */
  async open(epoch: string | undefined): Promise<OpenResult | 'deleted'> {
    this.#opens ??= new SharedCalls();
    const opens = this.#opens;
    const { result, shared } = await opens.run(epoch ?? '', () => openSession(this.room, epoch));
    if (opens.isIdle && this.#opens === opens) this.#opens = undefined;
    if (shared && result !== 'deleted') this.#context.reporter.loaded(this.room.sessionId, result.session.count);
    return result;
  }

  /**
   * Runs a join, but does not let the member wait for the end of an outage, as a sync would.
   *
   * @returns `in memory` when the room has gone into memory meanwhile
   */
  unlessOutage<Joined>(join: () => Promise<Joined>): Promise<Joined | 'in memory'> {
    return new Promise((resolve, reject) => {
      const goOn = (): void => resolve('in memory');
      const joining = this.#joining ?? new Set();
      this.#joining = joining.add(goOn);
      join()
        .then(resolve, reject)
        .finally(() => {
          joining.delete(goOn);
          if (joining.size === 0 && this.#joining === joining) this.#joining = undefined;
        });
    });
  }

  /** The room goes on in memory until Redis takes its messages again (D1). */
  goOnInMemory(): Recovery {
    this.room.outage();
    for (const goOn of this.#joining ?? []) goOn();
    if (!this.#recovery) {
      this.#recovery = new Recovery(this);
      void this.#recovery.run();
    }
    return this.#recovery;
  }

  recovered(): void {
    this.#recovery = undefined;
  }

  /** Subscriber connections were interrupted. @param isLost whether this room's channel was on one of them */
  interrupted(isLost: boolean): void {
    // What Redis has lost with the connection, only a room without members may still have.
    if (this.room.delivered.position && (!this.hasMembers || isLost)) this.room.sync.request('interrupted');
  }

  #subscribe(): Promise<void> {
    const { room } = this;
    const subscribed = this.#chain.then(async () => {
      const { fanOut, names } = this.#context;
      await fanOut.subscribe(names.liveChannel(room.sessionId), (payload) => room.receive(payload));
      // What was published while nobody here listened is in the log.
      if (room.delivered.position) await room.sync.run('open');
    });
    this.#chain = subscribed.catch((error: unknown) => {
      room.context.shard.failed(error);
      // Another subscription may have been made since, after members had left.
      if (this.#subscribed === subscribed) this.#subscribed = undefined;
    });
    return subscribed;
  }

  #unsubscribe(): void {
    this.#idleSinceMs = this.#context.clock.monotonic();
    if (!this.#subscribed) return;
    this.#subscribed = undefined;
    const { fanOut, names } = this.#context;
    this.#append(() => fanOut.unsubscribe(names.liveChannel(this.room.sessionId)));
  }

  /** Notes members that leave in one turn together, after unsubscribing, which tells that nobody is left (K1). */
  #noteLeaving(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#context.clock.defer(() => {
      this.#append(async () => {
        this.#isLeaving = false;
        if (!this.room.context.shard.away) await this.#context.log.leave(this.room.sessionId);
      });
    });
  }

  /** Adds a step to the chain. */
  #append(step: () => Promise<void>): void {
    this.#chain = this.#chain.then(step).catch((error: unknown) => this.room.context.shard.failed(error));
  }
}
