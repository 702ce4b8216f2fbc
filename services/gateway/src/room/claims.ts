import type { Position } from '@holdfast/protocol';
import { NOWHERE, SessionCorruptError, type SessionEvent, type SessionLog } from '@holdfast/session-store';
import type { Clock, Timer } from '../ports/clock.js';
import type { RateLimit } from '../ports/rate-limit.js';
import type { ShardHealth } from '../redis/shard-health.js';
import { looksIntoRedis, type Unconfirmed } from '../redis/unconfirmed.js';
import type { Deletions } from '../shared/deletions.js';
import type { Audience } from './delivery/audience.js';
import type { DeliveredHistory } from './delivery/delivered-history.js';
import type { Expiry } from './expiry.js';
import type { SyncReason } from './sync/sync.js';

/** What claims use of their gateway. */
export interface ClaimsContext {
  readonly clock: Clock;
  readonly log: Pick<SessionLog, 'read'>;
  readonly deletions: Pick<Deletions, 'note'>;
  readonly shard: Pick<ShardHealth, 'away' | 'failed'>;
  readonly unconfirmed: Unconfirmed;
}

/** What claims have their room do, once Redis has confirmed them. */
export interface ClaimedRoom {
  readonly delivered: DeliveredHistory;
  readonly expiry: Pick<Expiry, 'confirmed' | 'remainingMs' | 'ttl'>;
  readonly audience: Pick<Audience, 'tellAll'>;
  readonly sync: { run(reason: SyncReason): Promise<void>; request(reason: SyncReason): void };
  deleted(): void;
}

/** Most events, and most payloads, of one room that wait for a look; more are ignored. */
const EVENTS_MAX = 16;
const MISFITS_MAX = 1_000;
/** Pause after Redis has not answered. */
const RETRY_MS = 1_000;
/** An extended session has nearly its whole time left when it is looked at, in spite of a slow channel. */
const JUST_EXTENDED_MS = 10_000;

/**
 * What the session's channel claims. Whoever may publish on the channel can claim anything, so nothing that ends or
 * changes a session is believed before Redis has confirmed it (F8). What Redis does not confirm is ignored and counted.
 * However much is claimed, a room looks into Redis a few times a second only.
 */
export class Claims {
  readonly #room: ClaimedRoom;
  readonly #context: ClaimsContext;
  /** Ends of payloads that do not follow on the position. */
  #misfits: Position[] = [];
  readonly #events: SessionEvent[] = [];
  readonly #looks: RateLimit;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(room: ClaimedRoom, context: ClaimsContext) {
    this.#room = room;
    this.#context = context;
    this.#looks = looksIntoRedis(context.clock.monotonic());
  }

  /** Stored messages were published that do not follow on the position. @param ends position after each payload */
  misfits(...ends: readonly Position[]): void {
    for (const end of ends) {
      if (this.#misfits.length < MISFITS_MAX) this.#misfits.push(end);
      else this.#ignore('message');
    }
    this.#look();
  }

  /** An event of the session was published. */
  event(event: SessionEvent): void {
    const sameAt = this.#events.findIndex((other) => {
      return (
        other.event === event.event && (event.event === 'extended' || JSON.stringify(other) === JSON.stringify(event))
      );
    });
    // Of several extensions only the last one counts.
    if (sameAt >= 0) this.#events[sameAt] = event;
    else if (this.#events.length < EVENTS_MAX) this.#events.push(event);
    else this.#ignore(event.event);
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#context.clock.clearTimeout(this.#timer);
  }

  /** Looks into Redis for what waits; later where too much was looked at lately. */
  #look(): void {
    while (!this.#stopped && !this.#timer && this.#misfits.length + this.#events.length > 0) {
      const { clock, shard } = this.#context;
      const isPointless = shard.away && this.#misfits.length === 0;
      const waitMs = isPointless ? RETRY_MS : this.#looks.take(clock.monotonic());
      if (waitMs > 0) return this.#lookIn(waitMs);
      const event = this.#misfits.length > 0 ? undefined : this.#events.shift();
      void (event ? this.#confirm(event) : this.#compare());
    }
  }

  #lookIn(ms: number): void {
    this.#timer ??= this.#context.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, ms);
  }

  /** Syncs the room: it delivers what the log has, and only that. */
  async #compare(): Promise<void> {
    const { delivered, sync } = this.#room;
    const misfits = this.#misfits;
    this.#misfits = [];
    await sync.run('gap');
    const held = ({ epoch, seq, id }: Position): boolean =>
      delivered.has(epoch, seq) && (id === '' || (delivered.idAt(seq) ?? id) === id);
    // After the end of an epoch nobody can tell any more.
    if (delivered.isPlaced) for (const end of misfits) if (!held(end)) this.#ignore('message');
  }

  async #confirm(event: SessionEvent): Promise<void> {
    try {
      if (event.event === 'deleted') await this.#confirmDeleted(event.epoch);
      else if (event.event === 'extended') await this.#confirmExtended(event.ttl);
      else await this.#confirmEpoch(event.epoch);
    } catch (error) {
      if (this.#stopped) return;
      if (error instanceof SessionCorruptError) {
        this.#ignore(event.event);
        if (this.#room.delivered.position) this.#room.sync.request('gap');
        return;
      }
      this.#context.shard.failed(error);
      this.#events.unshift(event);
      this.#lookIn(RETRY_MS);
    }
  }

  /** Only a tombstone confirms a deletion (G5). */
  async #confirmDeleted(epoch: string): Promise<void> {
    const room = this.#room;
    const { delivered, sync } = room;
    const { session, ended } = await this.#context.log.read(delivered.sessionId, { newest: 1 }, epoch);
    if (this.#stopped) return;
    const { position } = delivered;
    if (ended !== 'deleted') {
      this.#ignore('deleted');
      // Whatever else has become of the session, the sync finds it.
      if (delivered.isPlaced) sync.request('gone');
      return;
    }
    // Also another epoch, or one that is not known here yet: an old copy of Redis could bring it back.
    this.#context.deletions.note(delivered.sessionId, epoch);
    const isThis = position ? position !== NOWHERE && position.epoch <= epoch : session === undefined;
    if (isThis) room.deleted();
  }

  async #confirmExtended(ttl: number): Promise<void> {
    const { delivered, expiry, audience } = this.#room;
    const askedMs = this.#context.clock.monotonic();
    const { session } = await this.#context.log.read(delivered.sessionId, { newest: 1 });
    if (this.#stopped) return;
    const { position } = delivered;
    const isOther = position !== undefined && position.epoch !== session?.epoch;
    if (!session || isOther || session.ttl !== ttl) return this.#ignore('extended');
    const { remainingMs } = session;
    const isNews = expiry.ttl !== ttl || remainingMs > ttl * 1_000 - JUST_EXTENDED_MS;
    expiry.confirmed(remainingMs, ttl, askedMs);
    if (isNews) audience.tellAll({ type: 'session', event: 'extended', ttl });
    else this.#ignore('extended');
  }

  async #confirmEpoch(epoch: string): Promise<void> {
    const { delivered, sync } = this.#room;
    const before = delivered.position;
    if (!before || before.epoch === epoch) return;
    await sync.run('epoch');
    if (delivered.position?.epoch === before.epoch) this.#ignore('epoch');
  }

  #ignore(kind: SessionEvent['event'] | 'message'): void {
    this.#context.unconfirmed.ignored(kind, this.#room.delivered.sessionId);
  }
}
