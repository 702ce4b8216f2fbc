import { type LiveMessage, messageName } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import { type Clock, delay } from '../../ports/clock.js';
import type { Member } from '../../ports/member.js';
import type { ShardHealth } from '../../redis/shard-health.js';
import type { HistoryPages } from '../../shared/history-pages.js';
import type { HistoryTurns } from '../../shared/history-turns.js';
import type { DeliveredHistory } from './delivered-history.js';
import { plainFrames } from './plain-frames.js';

/** What a pump uses of its gateway. */
export interface HistoryPumpContext {
  readonly clock: Clock;
  /** The log, where the tail does not reach (F9). */
  readonly historyPages: HistoryPages;
  readonly historyTurns: HistoryTurns;
  readonly shard: Pick<ShardHealth, 'away' | 'back' | 'failed'>;
  readonly metrics: Pick<GatewayMetrics, 'counters'>;
  /** Most bytes of history that a member is handed before it has taken them (F6). */
  readonly historyChunkBytes: number;
}

export interface HistoryPumpOptions {
  readonly member: Member;
  /** The first number to give. */
  readonly from: number;
  /** Messages to leave out, by sender and id, because this plain member has had them. */
  readonly skipped: ReadonlySet<string> | undefined;
  /** Called once, in the step in which the member has caught up. */
  readonly onCaughtUp: (member: Member) => void;
  /** Syncs the room; resolves when it is synced. */
  readonly sync: () => Promise<void>;
}

/** Most messages that are taken from the tail at once. */
const PAGE = 100;
const RETRY_MS = 250;

/**
 * Gives a member the history from a number on, at the pace at which the member reads. The member joins live delivery in
 * the same step in which it has caught up: no gap, no duplicate, nothing out of order (R1).
 */
export class HistoryPump {
  readonly #delivered: DeliveredHistory;
  readonly #context: HistoryPumpContext;
  readonly #options: HistoryPumpOptions;
  readonly #member: Member;
  #next: number;
  #stopped = false;

  constructor(delivered: DeliveredHistory, context: HistoryPumpContext, options: HistoryPumpOptions) {
    this.#delivered = delivered;
    this.#context = context;
    this.#options = options;
    this.#member = options.member;
    this.#next = options.from;
  }

  /** The number that is given next. */
  get next(): number {
    return this.#next;
  }

  start(): void {
    void this.#pump();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The session has ended: tells the member what it will not get (V7). */
  giveUp(): void {
    this.#tellGap(this.#delivered.seq + 1);
    this.stop();
  }

  get #isOver(): boolean {
    return this.#stopped || this.#member.closed;
  }

  async #pump(): Promise<void> {
    while (!this.#isOver) {
      if (this.#next > this.#delivered.seq) return this.#options.onCaughtUp(this.#member);
      if (this.#member.bufferedBytes() > 0) {
        // A long history is no backlog: a slow reader is given the next part when it has taken the last one (F6).
        await new Promise<void>((resolve) => this.#member.onceDrained(resolve));
        continue;
      }
      const inTail = this.#delivered.tail.from(this.#next, PAGE);
      if (inTail) await this.#give(inTail);
      else await this.#giveFromLog();
    }
  }

  /**
   * Gives what is older than the tail; never more than the room has delivered (F7). What is not given of the page now is
   * asked for again, because a slow reader holds no page (F9).
   */
  async #giveFromLog(): Promise<void> {
    const delivered = this.#delivered;
    const { clock, historyPages, shard } = this.#context;
    try {
      const isOver = (): boolean => this.#isOver;
      const page = await historyPages.page({ history: delivered, from: this.#next, shard, isOver });
      if (!page || this.#isOver) return;
      if (page.epoch !== delivered.position?.epoch) return await this.#options.sync();
      const messages = page.messages.filter(({ seq }) => seq <= delivered.seq);
      if (messages.length > 0) await this.#give(messages);
      else this.#tellGap(page.upTo + 1);
    } catch {
      // The gateway's reads have reported it.
      await delay(clock, RETRY_MS);
      await shard.back();
    }
  }

  /** Tells the member which messages it will not get: they were trimmed before, or the log lacks them (V7). */
  #tellGap(first: number): void {
    if (this.#isOver || first <= this.#next) return;
    this.#member.tell({ type: 'session', event: 'gap', from: this.#next, to: first - 1 });
    this.#next = first;
  }

  /** Whether the member has had the message and cannot tell by itself, as plain members cannot. */
  #hasHad(message: LiveMessage): boolean {
    return this.#options.skipped?.has(messageName(message)) === true || this.#member.sawPending(message);
  }

  /** Gives messages until the network takes no more. Between two parts other readers have their turn. */
  async #give(messages: readonly LiveMessage[]): Promise<void> {
    let rest = messages;
    const giveNext = (): number => {
      const [first] = rest;
      if (!first || this.#isOver) return 0;
      this.#tellGap(first.seq);
      const chunk = this.#chunkOf(rest, first.seq);
      this.#next = first.seq + chunk.length;
      rest = rest.slice(chunk.length);
      return this.#write(chunk);
    };
    do await this.#context.historyTurns.write(giveNext);
    while (rest.length > 0 && !this.#isOver && this.#member.bufferedBytes() === 0);
  }

  /** @returns about how many bytes were written */
  #write(chunk: readonly LiveMessage[]): number {
    const wanted = chunk.filter((message) => !this.#hasHad(message));
    if (wanted.length === 0) return 0;
    const isPlain = this.#member.protocol === 'plain';
    const frames = isPlain ? plainFrames(this.#delivered.sessionId, wanted) : wanted.map(({ frame }) => frame);
    this.#member.write(frames);
    this.#context.metrics.counters.recovered += wanted.length;
    this.#context.metrics.counters.delivered += wanted.length;
    return frames.reduce((bytes, { length }) => bytes + length, 0);
  }

  /** The first messages, up to a missing number or the bytes of a chunk; at least one message. */
  #chunkOf(messages: readonly LiveMessage[], firstSeq: number): readonly LiveMessage[] {
    let bytes = 0;
    const end = messages.findIndex(({ seq, frame }, index) => {
      bytes += frame.length;
      return index > 0 && (seq !== firstSeq + index || bytes > this.#context.historyChunkBytes);
    });
    return end < 0 ? messages : messages.slice(0, end);
  }
}
