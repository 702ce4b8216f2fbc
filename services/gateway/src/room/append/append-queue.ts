import type { Position } from '@holdfast/protocol';
import { type AppendedMessage, type AppendResult, NOWHERE, StorageUnavailableError } from '@holdfast/session-store';
import { RetryPause } from '../../ports/retry-pause.js';
import type { RoomContext } from '../../shared/gateway-context.js';
import { AppendPacer } from './append-pacer.js';
import type { AppendRoom } from './append-room.js';
import { asRetry, firstOf, type Sending, type Waiting } from './batch.js';
import { DeliveryLatency } from './delivery-latency.js';
import { OutageBacklog } from './outage-backlog.js';

const DELETED = 'the session was deleted';
/** Attempts that the store may refuse for good before the message is given up. */
const REFUSALS_MAX = 3;

/**
 * The messages of one session that are not stored yet: one append in flight, everything that arrives meanwhile is the
 * next one, so that a sender's order is kept (A2).
 */
export class AppendQueue {
  readonly #room: AppendRoom;
  readonly #context: RoomContext;
  #waiting: Waiting[] = [];
  /** How many of the waiting, from the first on, are on their way. */
  #inFlight = 0;
  /** The session was deleted while they are. */
  #orphaned = false;
  /** Refusals since the last success; while there are any, messages go one by one, to find the one that is refused. */
  #refusals = 0;
  #state: 'idle' | 'scheduled' | 'appending' | 'stopped' = 'idle';
  /** What waits, while Redis is away: nothing is appended then, members here are shown it (D1). */
  #held: OutageBacklog | undefined;
  /** How many of the waiting, from the first on, members here have been shown. */
  #shown = 0;
  /** Whoever waits for what members were shown to be stored. */
  #resumed: ((stored: boolean) => void) | undefined;
  #failing: { readonly sinceMs: number; readonly error: unknown } | undefined;
  /** Since the last success there was none. */
  #retry: RetryPause | undefined;
  readonly timer: DeliveryLatency;
  readonly pace: AppendPacer;

  constructor(room: AppendRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
    this.timer = new DeliveryLatency(context);
    this.pace = new AppendPacer(context.clock);
  }

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** @returns whether there was room for it (D2) */
  push(sending: Sending): boolean {
    if (this.#held?.takes(sending, this.#waiting)) return true;
    if (!this.#context.unstored.take(sending.bytes)) return false;
    const { member, clientId, message, bytes, arrivedMs } = sending;
    this.#waiting.push({ member, clientId, message, bytes, arrivedMs, since: this.#room.position });
    this.#context.metrics.gauges.unstoredMessages += 1;
    if (this.#held) {
      this.#showWaiting();
      this.#held.add(this.#waiting.slice(-1));
    } else this.#schedule();
    return true;
  }

  /** Since when appends have failed, monotonic milliseconds, and the last one of what; nothing when it succeeded. */
  get failing(): { readonly sinceMs: number; readonly error: unknown } | undefined {
    return this.#failing;
  }

  /** Redis is away: from here on messages wait, and members here see them (D1). */
  suspend(): void {
    this.#held = new OutageBacklog(this.#room, this.#context);
    this.#showWaiting();
    this.#held.add(this.#waiting.slice(this.#inFlight));
  }

  /** Redis is back and the room has synced: stores what waited, in order (D3). @returns whether it is stored */
  resume(): Promise<boolean> {
    this.#held = undefined;
    if (this.#shown === 0) {
      this.#schedule();
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      this.#resumed = resolve;
      this.#schedule();
    });
  }

  /**
   * The session was deleted: what waits is not stored in the next one (G5). Whether what is in flight was stored
   * before, its answer tells.
   */
  deleted(): void {
    this.#orphaned = this.#inFlight > 0;
    this.#refuse(this.#waiting.slice(this.#inFlight), DELETED);
  }

  /** The room is about to forget what it has delivered: answers what of that waits here as a repetition. */
  answerKnown(): void {
    this.#withoutKnown(this.#waiting.slice(this.#inFlight));
  }

  stop(): void {
    this.#state = 'stopped';
    this.#retry?.cut();
    this.#context.metrics.counters.refused += this.#waiting.length;
    this.#remove([...this.#waiting]);
    this.#settleResume(false);
  }

  /** At the end of the turn, so that everything that arrives in one turn is one batch. */
  #schedule(): void {
    if (this.#state !== 'idle' || this.empty || this.#held) return;
    this.#state = 'scheduled';
    this.pace.whenRested(() => this.#context.appendScheduler.add(this));
  }

  /** Called when what was scheduled is due. */
  async due(): Promise<void> {
    if (this.#state !== 'scheduled') return;
    this.#state = 'appending';
    if (!this.#room.position) await this.#room.sync.run('open');
    const batch = this.#markUntold(this.#withoutKnown(firstOf(this.#waiting, this.#refusals > 0 ? 1 : undefined)));
    if (batch.length > 0) await this.#appendBatch(batch);
    if (this.#stopped) return;
    this.#state = 'idle';
    // What has come since is on its usual way.
    if (this.#shown === 0) this.#settleResume(true);
    this.#schedule();
  }

  #settleResume(stored: boolean): void {
    const resumed = this.#resumed;
    this.#resumed = undefined;
    resumed?.(stored);
  }

  #showWaiting(): void {
    for (; this.#shown < this.#waiting.length; this.#shown++) {
      const sending = this.#waiting[this.#shown];
      if (!sending) return;
      // When it is stored another gateway may have stored it before (D3): its sender may have moved there.
      if (this.#shown >= this.#inFlight) this.#waiting[this.#shown] = asRetry(sending, sending.since ?? NOWHERE);
      this.#room.showPending(sending, this.#shown + 1);
    }
  }

  get #stopped(): boolean {
    return this.#state === 'stopped';
  }

  async #appendBatch(batch: readonly Waiting[]): Promise<void> {
    const { clock, log, metrics } = this.#context;
    const position = this.#room.position;
    const startedMs = clock.monotonic();
    const messages = batch.map((sending) => sending.message);
    this.timer.begin(batch);
    this.#inFlight = batch.length;
    this.#orphaned = false;
    let result: AppendResult;
    try {
      result = await log.append(this.#room.sessionId, position ? { messages, position } : { messages });
      this.#inFlight = 0;
    } catch (error) {
      this.#inFlight = 0;
      if (this.#stopped) return;
      this.#failing = { sinceMs: this.#failing?.sinceMs ?? clock.monotonic(), error };
      this.#failed(batch, position, error);
      this.#context.storage.failed(error);
      if (this.#resumed) {
        this.suspend();
        this.#settleResume(false);
      } else if (!this.#held) {
        this.#retry ??= new RetryPause(this.#context);
        await this.#retry.wait(error);
      }
      return;
    }
    metrics.appendSeconds.observe((clock.monotonic() - startedMs) / 1000);
    this.#retry = undefined;
    this.#failing = undefined;
    this.#refusals = 0;
    if (this.#stopped) return;
    if (result.outcome !== 'stored') return this.#catchUp(batch, result);
    this.#remove(batch);
    this.#room.expiry.confirmed(result.ttl * 1000, result.ttl, startedMs);
    this.#answer(batch, result);
  }

  #failed(batch: readonly Waiting[], position: Position | undefined, error: unknown): void {
    this.#refusals = error instanceof StorageUnavailableError ? 0 : this.#refusals + 1;
    if (this.#orphaned) this.#refuse(batch, DELETED);
    // Whether it was stored is unknown: it stays first, and is looked for before it is stored again (A5).
    else if (this.#refusals < REFUSALS_MAX) this.#mark(batch, () => position ?? NOWHERE);
    else {
      this.#refuse(batch, 'the message cannot be stored');
      this.#refusals = 1;
    }
  }

  /**
   * A first send may have been stored by another gateway while it waited here, from where its client has gone. The
   * tail tells, unless it has lost what was delivered meanwhile: then the log is asked (A4).
   */
  #markUntold(batch: readonly Waiting[]): readonly Waiting[] {
    const { position, tail } = this.#room;
    return this.#mark(batch, ({ since = NOWHERE }) => {
      const told = since.seq === position?.seq || (tail.firstSeq > 0 && tail.firstSeq <= since.seq + 1);
      return told && since.epoch === position?.epoch ? undefined : since;
    });
  }

  /** Marks those of the first batch that were stored, if they were, after the position they are given. */
  #mark(batch: readonly Waiting[], after: (sending: Waiting) => Position | undefined): readonly Waiting[] {
    if (!batch.some((sending) => sending.message.retry === undefined && after(sending))) return batch;
    const marked = batch.map((sending) => asRetry(sending, after(sending)));
    this.#waiting.splice(0, batch.length, ...marked);
    return marked;
  }

  async #catchUp(batch: readonly Waiting[], result: Exclude<AppendResult, { outcome: 'stored' }>): Promise<void> {
    if (this.#orphaned) return this.#refuse(batch, DELETED);
    if (result.outcome === 'gone' && result.ended === 'deleted') {
      this.#refuse(batch, DELETED);
      this.#room.deleted();
      return;
    }
    // The batch stays first until the room knows what the log has (G3).
    await this.#room.sync.run(result.outcome);
  }

  #answer(batch: readonly Sending[], result: Extract<AppendResult, { outcome: 'stored' }>): void {
    const room = this.#room;
    const { reporter, storage, metrics } = this.#context;
    const { counters } = metrics;
    storage.worked();
    if (result.created) reporter.stored(room.sessionId, result.ttl);
    if (result.quarantined !== undefined) reporter.quarantined(room.sessionId, result.quarantined);
    let newest = 0;
    let stored = 0;
    for (let index = 0; index < batch.length; index++) {
      const sending = batch[index] as Sending;
      const { seq, duplicate } = result.messages[index] as AppendedMessage;
      // A repetition that was found may be the first the room hears of the message (F2).
      newest = Math.max(newest, seq);
      if (duplicate) this.#acknowledge(sending, seq);
      else if (sending.clientId !== undefined) room.acknowledgeIfSkipped(sending.member, sending.clientId, seq);
      if (!duplicate) stored += 1;
    }
    counters.duplicates += batch.length - stored;
    counters.stored += stored;
    counters.published += stored;
    room.stored(result.epoch, newest);
    if (stored > 0 && result.subscribers === 0) room.heardByNobody(result.epoch, newest - stored + 1);
  }

  /** Takes out first sends that the room has delivered already: the first attempt was stored after all (A4). */
  #withoutKnown(batch: readonly Waiting[]): readonly Waiting[] {
    const { tail } = this.#room;
    const seqOf = ({ message }: Sending): number | undefined => tail.find(message.senderKey, message.id);
    if (!batch.some((sending) => seqOf(sending) !== undefined)) return batch;
    const known = batch.filter((sending) => seqOf(sending) !== undefined);
    this.#context.metrics.counters.duplicates += known.length;
    for (const sending of known) {
      this.#remove([sending]);
      this.#acknowledge(sending, seqOf(sending) ?? 0);
    }
    return this.#waiting.slice(0, batch.length - known.length);
  }

  #acknowledge(sending: Sending, seq: number): void {
    if (sending.clientId !== undefined) this.#room.acknowledge(sending.member, sending.clientId, seq);
  }

  #refuse(refused: readonly Waiting[], why: string): void {
    this.#remove(refused);
    this.#context.metrics.counters.refused += refused.length;
    for (const { member, clientId } of refused) {
      const id = clientId === undefined ? {} : { id: clientId };
      member.tell({ type: 'error', code: 'not_stored', message: why, ...id });
    }
  }

  /** @param settled a run of what waits */
  #remove(settled: readonly Waiting[]): void {
    const [first] = settled;
    if (!first) return;
    const at = this.#waiting.indexOf(first);
    this.#waiting.splice(at, settled.length);
    this.#shown -= Math.max(0, Math.min(this.#shown - at, settled.length));
    this.#context.metrics.gauges.unstoredMessages -= settled.length;
    for (const { bytes } of settled) this.#context.unstored.give(bytes);
    // Nothing waits, so nothing fails: what failed was heard of after all, or given up.
    if (this.empty) this.#failing = undefined;
  }
}
