import type { ErrorCode, Position } from '@holdfast/protocol';
import { type AppendResult, type LiveMessage, NOWHERE, OutcomeUnknownError } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import type { Clock } from '../../ports/clock.js';
import type { ShardHealth } from '../../redis/shard-health.js';
import type { AppendScheduler, ScheduledQueue } from '../../shared/append-scheduler.js';
import type { DeliveredHistory } from '../delivery/delivered-history.js';
import { AppendFailures } from './append-failures.js';
import { AppendPacer } from './append-pacer.js';
import { DeliveryLatency } from './delivery-latency.js';
import { OutageBacklog } from './outage-backlog.js';
import {
  CONFLICT,
  type DeliveredSend,
  type Sending,
  type Waiting,
  WaitingList,
  type WaitingListContext,
} from './waiting-list.js';

/** What a queue uses of its gateway. */
export interface AppendContext extends WaitingListContext {
  readonly clock: Clock;
  /** From 0 up to 1. */
  random(): number;
  readonly metrics: Pick<GatewayMetrics, 'counters' | 'gauges' | 'deliverySeconds'>;
  readonly shard: Pick<ShardHealth, 'failed' | 'current'>;
  readonly appendScheduler: AppendScheduler;
}

/** What a queue has its room do. */
export interface AppendingRoom {
  /** The next batch is due: the room appends it and then calls {@link AppendQueue.finish}. Never rejects. */
  append(): Promise<void>;
  /** Shows members here a message that is not stored yet (V3). @param place among those that wait, from 1 */
  showPending(sending: Sending, place: number): void;
}

const DELETED = 'the session was deleted';
const UNKNOWN = 'nobody knows whether the message is stored';
const REFUSED = 'the message cannot be stored';

/**
 * Decides what of a session is appended next, when, and what a failure means. One append is in flight at a time, and
 * everything that arrives meanwhile is the next one, so that a sender's order is kept (A2). The room makes the call to
 * the store and acts on its answer.
 *
 * The states: `idle`, then `scheduled` with the gateway's other appends, then `appending` until the room has acted on
 * the answer, then `idle` again. While Redis is away nothing is scheduled, and members here are shown what waits (D1).
 */
export class AppendQueue implements ScheduledQueue {
  readonly #room: AppendingRoom;
  readonly #context: AppendContext;
  readonly #delivered: DeliveredHistory;
  readonly #waiting: WaitingList;
  readonly #pacer: AppendPacer;
  readonly #latency: DeliveryLatency;
  readonly #failures: AppendFailures;
  #state: 'idle' | 'scheduled' | 'appending' | 'stopped' = 'idle';
  /**
   * The batch that is on its way to the store: the first so many of the waiting; absent while none is. It is orphaned when
   * its session was deleted meanwhile: what of it was not stored before must not be stored in the next session (G5).
   */
  #flight: { readonly size: number; isOrphaned: boolean } | undefined;
  /** What waits while Redis is away; absent otherwise. */
  #backlog: OutageBacklog | undefined;
  /** Resolves the promise of {@link resume}. */
  #resumed: ((stored: boolean) => void) | undefined;

  constructor(room: AppendingRoom, delivered: DeliveredHistory, context: AppendContext) {
    this.#room = room;
    this.#context = context;
    this.#delivered = delivered;
    this.#failures = new AppendFailures(context);
    this.#waiting = new WaitingList(delivered, context);
    this.#pacer = new AppendPacer(context.clock);
    this.#latency = new DeliveryLatency(context.clock, context.metrics.deliverySeconds);
  }

  get isEmpty(): boolean {
    return this.#waiting.isEmpty;
  }

  /** When appends began failing (monotonic ms), and the latest error; `undefined` where none is failing. */
  get failing(): { readonly sinceMs: number; readonly error: unknown } | undefined {
    return this.#failures.failing;
  }

  /** Takes a member's message. @returns false when the outage buffer has no room for it (D2) */
  push(sending: Sending): boolean {
    const repeated = this.#backlog?.takeOver(sending);
    if (repeated === 'conflict' || (this.#backlog && this.#waiting.findDelivered(sending)?.isConflict)) {
      this.refuse(sending, ...CONFLICT);
      return true;
    }
    if (repeated) {
      this.#context.metrics.counters.duplicates += 1;
      this.#room.showPending(repeated.waiting, repeated.place + 1);
      return true;
    }
    if (!this.#waiting.add(sending)) return false;
    if (this.#backlog) {
      this.#showWaiting();
      this.#backlog.add(this.#waiting.from(this.#waiting.length - 1));
    } else this.#schedule();
    return true;
  }

  get dueBytes(): number {
    return this.#waiting.bytes;
  }

  get shard(): object {
    return this.#context.shard.current;
  }

  due(): boolean {
    if (this.#state !== 'scheduled') return false;
    this.#state = this.#backlog ? 'idle' : 'appending';
    if (this.#backlog) return false;
    // A room that has to be opened first takes nobody's turn meanwhile.
    const isOpen = this.#delivered.position !== undefined;
    void this.#room.append();
    return isOpen;
  }

  /** The messages to append now, in flight from here on, and the sends that only have to be acknowledged. */
  next(): { readonly batch: readonly Waiting[]; readonly delivered: readonly DeliveredSend[] } {
    const first = this.#waiting.first(this.#failures.areSuspicious ? 1 : undefined);
    const taken = this.#waiting.takeDelivered(first);
    const rest = taken.length === 0 ? first : this.#waiting.first(first.length - taken.length);
    const delivered = this.#answerConflicts(taken);
    const batch = this.#waiting.markUnknown(rest);
    if (batch.length > 0) {
      this.#flight = { size: batch.length, isOrphaned: false };
      this.#latency.begin(batch);
    }
    return { batch, delivered };
  }

  /**
   * The store has answered the batch.
   *
   * @returns what the room does next. `answer`: it was stored, and its sends are to be answered. `sync`: it was refused
   *   for the room's position, and stays first until the room has synced (G3). `delete`: the session was deleted, and the
   *   senders were told. `nothing`
   */
  answered(batch: readonly Waiting[], result: AppendResult): 'answer' | 'sync' | 'delete' | 'nothing' {
    const isOrphaned = this.#land();
    this.#context.appendScheduler.answered(this);
    this.#failures.answered(result.outcome);
    if (this.#state === 'stopped') return 'nothing';
    if (result.outcome === 'stored') {
      this.#waiting.remove(batch);
      return 'answer';
    }
    const isDeleted = result.outcome === 'gone' && result.ended === 'deleted';
    if (!isOrphaned && !isDeleted) return 'sync';
    this.#giveUp(batch, DELETED);
    return isOrphaned ? 'nothing' : 'delete';
  }

  /**
   * The batch failed, and whether it was stored is unknown: it stays first, and is looked for before it is stored again
   * (A5). A message on which the store fails again and again, other than for an outage, is given up.
   *
   * @param position that the append carried
   * @returns resolves when the next attempt may be made
   */
  async failed(batch: readonly Waiting[], position: Position | undefined, error: unknown): Promise<void> {
    const isOrphaned = this.#land();
    if (this.#state === 'stopped') return;
    const next = this.#failures.failed(error);
    if (isOrphaned) this.#giveUp(batch, DELETED);
    else if (next === 'retry') this.#waiting.markRetries(batch, () => position ?? NOWHERE);
    else this.#giveUp(batch, error instanceof OutcomeUnknownError ? UNKNOWN : REFUSED);
    // If this shows that the shard is away, the gateway suspends this queue before the call returns.
    this.#context.shard.failed(error);
    this.#context.appendScheduler.answered(this);
    if (this.#resumed) {
      this.suspend();
      this.#settleResume(false);
    } else if (!this.#backlog) await this.#failures.pause(error);
  }

  /** The room syncs, because its batch was refused. @returns resolves when the next attempt may be made (G3) */
  async synced(outcome: AppendResult['outcome'], sync: Promise<void>): Promise<void> {
    const { position } = this.#delivered;
    await sync;
    if (this.#state !== 'stopped') await this.#failures.synced(outcome, this.#delivered.position !== position);
  }

  /** The room has acted on the answer: what came meanwhile is scheduled. */
  finish(): void {
    this.#context.appendScheduler.answered(this);
    if (this.#state === 'stopped') return;
    this.#state = 'idle';
    // Everything that members were shown as pending is stored: resume() waits for no more than that.
    if (!this.#waiting.hasShown) this.#settleResume(true);
    this.#schedule();
  }

  /** The room has delivered messages. @param first the first of them @param listeners members that got them live */
  delivered(first: LiveMessage, listeners: number): void {
    this.#pacer.delivered(listeners);
    this.#latency.delivered(first);
  }

  /** Redis is away: from here on messages wait, and members here are shown them (D1). */
  suspend(): void {
    this.#showWaiting();
    this.#backlog = new OutageBacklog(this.#waiting, this.#inFlight);
  }

  /** Redis is back and the room has synced: stores what waited, in order (D3). @returns whether it is stored */
  resume(): Promise<boolean> {
    this.#backlog = undefined;
    if (!this.#waiting.hasShown) {
      this.#schedule();
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      this.#resumed = resolve;
      this.#schedule();
    });
  }

  /** The session was deleted: what waits is not stored in the next one (G5). The answer tells of what is in flight. */
  deleted(): void {
    if (this.#flight) this.#flight.isOrphaned = true;
    this.#giveUp(this.#waiting.from(this.#inFlight), DELETED);
  }

  /** Before the room forgets its tail: takes out queued sends that were delivered already, to be acknowledged. */
  takeDelivered(): readonly DeliveredSend[] {
    return this.#answerConflicts(this.#waiting.takeDelivered(this.#waiting.from(this.#inFlight)));
  }

  stop(): void {
    this.#state = 'stopped';
    this.#failures.stop();
    this.#context.metrics.counters.refused += this.#waiting.length;
    this.#waiting.remove(this.#waiting.from(0));
    this.#settleResume(false);
  }

  /** How many of the waiting, from the first on, are on their way to the store. */
  get #inFlight(): number {
    return this.#flight?.size ?? 0;
  }

  /** The batch in flight is answered. @returns whether its session was deleted meanwhile (G5) */
  #land(): boolean {
    const isOrphaned = this.#flight?.isOrphaned === true;
    this.#flight = undefined;
    return isOrphaned;
  }

  /** At the end of the turn, so that everything that arrives in one turn is one batch. */
  #schedule(): void {
    if (this.#state !== 'idle' || this.isEmpty || this.#backlog) return;
    this.#state = 'scheduled';
    this.#pacer.afterRest(() => this.#context.appendScheduler.add(this));
  }

  #settleResume(stored: boolean): void {
    const resumed = this.#resumed;
    this.#resumed = undefined;
    resumed?.(stored);
  }

  #showWaiting(): void {
    this.#waiting.showRest(this.#inFlight, (sending, place) => this.#room.showPending(sending, place));
  }

  /** @returns the repeated sends among those that were found delivered, which are to be acknowledged */
  #answerConflicts(taken: readonly DeliveredSend[]): readonly DeliveredSend[] {
    if (taken.length === 0) return taken;
    if (this.isEmpty) this.#failures.forget();
    for (const { sending, isConflict } of taken) if (isConflict) this.refuse(sending, ...CONFLICT);
    const repeated = taken.filter(({ isConflict }) => !isConflict);
    this.#context.metrics.counters.duplicates += repeated.length;
    return repeated;
  }

  /** Tells a sender that its message is not taken (V11). */
  refuse({ member, clientId }: Sending, code: ErrorCode, message: string): void {
    this.#context.metrics.counters.refused += 1;
    member.tell({ type: 'error', code, message, ...(clientId === undefined ? {} : { id: clientId }) });
  }

  /** Takes messages out and tells their senders that they are not stored (V11). */
  #giveUp(refused: readonly Waiting[], why: string): void {
    this.#waiting.remove(refused);
    if (this.isEmpty) this.#failures.forget();
    for (const sending of refused) this.refuse(sending, 'not_stored', why);
  }
}
