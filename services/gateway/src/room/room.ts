import { CLOSE, type Position, type StorageState } from '@holdfast/protocol';
import {
  type AppendedMessage,
  type AppendResult,
  decodeLive,
  endOf,
  type LiveMessage,
  type LivePayload,
  NOWHERE,
  type SessionLog,
} from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import type { SessionShard } from '../redis/shard-health.js';
import type { Deletions } from '../shared/deletions.js';
import type { TailBudget } from '../shared/memory-budgets.js';
import type { PublishWatch } from '../shared/publish-watch.js';
import { Announcements, type AnnouncementsContext } from './announcements.js';
import { type AppendContext, AppendQueue } from './append/append-queue.js';
import { CONFLICT, type Sending, type Waiting } from './append/waiting-list.js';
import { Claims, type ClaimsContext } from './claims.js';
import { Audience, type DeliveryContext } from './delivery/audience.js';
import { DeliveredHistory } from './delivery/delivered-history.js';
import { Expiry } from './expiry.js';
import { Sync, type SyncContext } from './sync/sync.js';
import { WaitingAcks } from './waiting-acks.js';

/** What a room uses of its gateway; each of its parts states its own share. */
export interface RoomContext extends AnnouncementsContext, AppendContext, ClaimsContext, DeliveryContext, SyncContext {
  readonly deletions: Deletions;
  readonly log: SessionLog;
  readonly metrics: GatewayMetrics;
  readonly publishWatch: PublishWatch;
  /** Health of the shard of Redis that the session lives on. */
  readonly shard: SessionShard;
  readonly tailBudget: TailBudget;
}

type StoredPayload = Extract<LivePayload, { kind: 'stored' }>;

/** Payloads that are held while a sync runs; when there are more, the sync reads again. */
const HELD_MAX = 1_000;

/**
 * One session on this gateway. What members send goes through {@link queue} to the store, which publishes it; what comes
 * back through {@link receive} is delivered to the {@link audience} in `seq` order (F2). Whatever arrives that does not
 * follow on the position starts a {@link sync}: only delivery and the sync change the position.
 */
export class Room {
  readonly delivered: DeliveredHistory;
  readonly audience: Audience;
  readonly queue: AppendQueue;
  readonly acks: WaitingAcks;
  readonly expiry: Expiry;
  readonly announcements: Announcements;
  readonly sync: Sync;
  /** Made with the first claim. */
  #claims: Claims | undefined;
  #storage: StorageState = 'redis';
  /** Stored payloads that arrived while a sync runs. */
  #held: StoredPayload[] | undefined;
  #heldOverflow = false;

  constructor(
    readonly sessionId: string,
    readonly context: RoomContext,
  ) {
    this.delivered = new DeliveredHistory(sessionId, context.logBounds, context.tailBudget);
    this.audience = new Audience(this.delivered, context, () => this.sync.run('resume'));
    this.queue = new AppendQueue(this, this.delivered, context);
    this.acks = new WaitingAcks(this.delivered);
    this.expiry = new Expiry(this, context);
    this.sync = new Sync(this, context);
    this.announcements = new Announcements(this.delivered, context, this.sync);
  }

  /** What the channel has brought and only Redis can confirm (F8). */
  get claims(): Claims {
    this.#claims ??= new Claims(this, this.context);
    return this.#claims;
  }

  /** `memory` while messages cannot be stored. */
  get storage(): StorageState {
    return this.#storage;
  }

  /** Appends the queue's next batch and acts on the answer; the queue calls this when the batch is due (A2). */
  async append(): Promise<void> {
    if (!this.delivered.position) await this.sync.run('open');
    const { batch, delivered } = this.queue.next();
    for (const { sending, seq } of delivered) this.acks.acknowledge(sending, seq);
    if (batch.length > 0) await this.#appendBatch(batch);
    this.queue.finish();
  }

  async #appendBatch(batch: readonly Waiting[]): Promise<void> {
    const { clock, log, metrics } = this.context;
    const { position } = this.delivered;
    const messages = batch.map(({ message }) => message);
    const askedMs = clock.monotonic();
    let result: AppendResult;
    try {
      result = await log.append(this.sessionId, position ? { messages, position } : { messages });
    } catch (error) {
      return this.queue.failed(batch, position, error);
    }
    metrics.appendSeconds.observe((clock.monotonic() - askedMs) / 1000);
    const next = this.queue.answered(batch, result);
    if (result.outcome === 'stored') {
      if (next === 'answer') this.#stored(batch, result, askedMs);
    } else if (next === 'delete') this.deleted();
    else if (next === 'sync') await this.queue.synced(result.outcome, this.sync.run(result.outcome));
  }

  #stored(batch: readonly Sending[], result: Extract<AppendResult, { outcome: 'stored' }>, askedMs: number): void {
    const { reporter, shard, metrics } = this.context;
    this.expiry.confirmed(result.ttl * 1000, result.ttl, askedMs);
    shard.worked();
    if (result.created) reporter.stored(this.sessionId, result.ttl);
    if (result.quarantined !== undefined) reporter.quarantined(this.sessionId, result.quarantined);
    let newest = 0;
    let stored = 0;
    for (let index = 0; index < batch.length; index++) {
      const sending = batch[index] as Sending;
      const { seq, duplicate, isConflict } = result.messages[index] as AppendedMessage;
      // This room may not have heard of a duplicate's message before: so it counts here too (F2).
      newest = Math.max(newest, seq);
      if (duplicate) {
        metrics.counters.duplicates += isConflict ? 0 : 1;
        if (isConflict) this.queue.refuse(sending, ...CONFLICT);
        else this.acks.acknowledge(sending, seq);
      } else {
        this.acks.acknowledgeIfSkipped(sending, seq);
        stored += 1;
      }
    }
    metrics.counters.stored += stored;
    metrics.counters.published += stored;
    this.expectPublish(result.epoch, newest);
    // A room without members does not subscribe, so that no subscriber means nothing there.
    const isUnheard = stored > 0 && result.subscribers === 0 && !this.audience.isEmpty;
    if (isUnheard) void this.announcements.repeat(result.epoch, newest - stored + 1);
  }

  /** An append was answered: its publish has to come through the channel soon (F2). */
  expectPublish(epoch: string, seq: number): void {
    this.announcements.stored();
    this.context.publishWatch.expect(this, epoch, seq);
  }

  /** Takes a payload that the session's channel brought. Never throws. */
  receive(payload: Buffer): void {
    try {
      const live = decodeLive(payload);
      if (live) this.#take(live);
      else this.context.unconfirmed.ignored('unreadable', this.sessionId);
    } catch (err) {
      // Otherwise everybody who can publish could end the process.
      this.context.unconfirmed.ignored('unreadable', this.sessionId, err);
      if (this.delivered.position) this.claims.misfits(this.delivered.position);
    }
  }

  #take(live: LivePayload): void {
    switch (live.kind) {
      case 'stored':
        return this.#receiveStored(live);
      case 'unstored':
        this.context.metrics.counters.received += 1;
        return this.audience.deliver([{ seq: live.count, ...live.message }]);
      case 'signal':
        return this.audience.signal(live.from, live.frame);
      case 'session':
        return this.claims.event(live.event);
    }
  }

  #receiveStored(payload: StoredPayload): void {
    this.context.metrics.counters.received += payload.messages.length;
    this.announcements.heard();
    if (this.sync.running) {
      this.#held ??= [];
      if (this.#held.length < HELD_MAX) this.#held.push(payload);
      else this.#heldOverflow = true;
    } else if (!this.delivered.position) {
      // Nobody here asked for stored messages: they are passed on as they come.
      this.audience.deliver(payload.messages);
    } else if (!this.#apply(payload)) {
      this.claims.misfits(endOf(payload));
    }
  }

  /** Delivers what a payload adds. @returns false when it does not fit the position: it skips ahead or contradicts */
  #apply({ before, messages }: StoredPayload): boolean {
    const { delivered } = this;
    const { position } = delivered;
    if (!position || before.epoch !== position.epoch || before.seq > position.seq) return false;
    if (delivered.contradicts(before.seq, before.id)) return false;
    const known = before.seq === position.seq ? [] : messages.slice(0, position.seq - before.seq);
    // Where it is not remembered which message was delivered under a number, the log has to be compared.
    if (known.some(({ seq, id }) => delivered.idAt(seq) === undefined || delivered.contradicts(seq, id))) return false;
    this.deliverNext(before.epoch, known.length === 0 ? messages : messages.slice(known.length));
    if (messages.length > 0) this.expiry.refreshed();
    // Redis did not know what came before, so it has lost the log: gateways that have it put it back (G2).
    if (before.id === '' && delivered.tail.at(before.seq)) this.claims.misfits(position);
    return true;
  }

  /** Delivers messages that follow on the position: from a payload, or what the sync has read. */
  deliverNext(epoch: string, messages: readonly LiveMessage[]): void {
    const [first] = messages;
    if (!first) return;
    this.delivered.advance(epoch, messages);
    this.audience.deliver(messages);
    this.queue.delivered(first, this.audience.listeners);
    this.acks.settle('delivered');
  }

  /** Changes the position without delivering; called by the sync. */
  moveTo(position: Position | undefined, firstSeq: number): void {
    const before = this.delivered.position;
    if (before !== NOWHERE && before?.epoch !== position?.epoch) this.acks.forget();
    this.delivered.moveTo(position, firstSeq);
    this.acks.settle('skipped');
  }

  /** Applies the payloads that arrived while a sync ran; has the sync read again for those that do not fit. */
  releaseHeld(): void {
    const held = this.#held ?? [];
    const overflow = this.#heldOverflow;
    this.#held = undefined;
    this.#heldOverflow = false;
    const misfits = held.filter((payload) => !this.#apply(payload)).map(endOf);
    if (overflow && this.delivered.position) misfits.push(this.delivered.position);
    if (misfits.length > 0) this.claims.misfits(...misfits);
  }

  /** The session has run out: members are told once, and the next message starts a new epoch at 1 (T2, G3). */
  expired(): void {
    if (!this.delivered.isPlaced) return;
    this.audience.giveUpHistory();
    for (const { sending, seq } of this.queue.takeDelivered()) this.acks.acknowledge(sending, seq);
    this.#forget();
    this.audience.tellAll({ type: 'session', event: 'expired' });
  }

  /** The session was deleted: members are told and closed (V7). */
  deleted(): void {
    const { position, isPlaced } = this.delivered;
    if (position && isPlaced) this.context.deletions.note(this.sessionId, position.epoch);
    this.queue.deleted();
    this.#forget();
    this.audience.tellAll({ type: 'session', event: 'deleted' });
    this.audience.closeAll(CLOSE.sessionDeleted);
  }

  #forget(): void {
    this.delivered.forget();
    this.acks.forget();
    this.expiry.forget();
  }

  /** Redis is away: chat goes on among the members here (D1). */
  outage(): void {
    if (this.#storage === 'memory') return;
    this.#storage = 'memory';
    this.audience.tellAll({ type: 'status', storage: 'memory' });
    this.queue.suspend();
  }

  /** Redis is back, and everything that waited is stored (D3). */
  restored(): void {
    if (this.#storage === 'redis') return;
    this.#storage = 'redis';
    this.audience.tellAll({ type: 'status', storage: 'redis' });
  }

  /** Shows members here a message that is not stored yet (V3). @param place its place among those that wait, from 1 */
  showPending({ message, member: sender }: Sending, place: number): void {
    const { tail, seq } = this.delivered;
    // Its publish may have come before the answer of its append was lost.
    if (tail.find(message.senderKey, message.id) !== undefined) return;
    this.audience.showPending(sender, message, seq + place, this.context.clock.now());
  }

  /** Called about once a second. */
  tick(hasMembers: boolean): void {
    this.announcements.tick(hasMembers);
    if (hasMembers) this.expiry.check();
  }

  /** Gives back what the room holds of shared budgets, and ends what waits. */
  dispose(): void {
    this.delivered.tail.clear();
    this.sync.stop();
    this.#claims?.stop();
    this.queue.stop();
  }
}
