import { HISTORY_READ_MAX_BYTES } from '@holdfast/protocol';
import { type LiveMessage, liveMessageOf, messageName, type SessionLog } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import { type Clock, delay } from '../../ports/clock.js';
import type { Member } from '../../ports/member.js';
import type { ShardHealth } from '../../redis/shard-health.js';
import type { DeliveredHistory } from './delivered-history.js';
import { plainFrames } from './plain-frames.js';

/** What a pump uses of its gateway. */
export interface HistoryPumpContext {
  readonly clock: Clock;
  readonly log: Pick<SessionLog, 'read'>;
  readonly shard: Pick<ShardHealth, 'failed' | 'back'>;
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

/** Most messages read at once (F6). */
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
  /** Read from tail or log, and not given yet. */
  #page: readonly LiveMessage[] = [];
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
      if (this.#page.length === 0) this.#page = this.#delivered.tail.from(this.#next, PAGE) ?? (await this.#readPage());
      if (this.#isOver) return;
      this.#giveChunk();
    }
  }

  /** Reads from the log what is older than the tail; never more than the room has delivered (F7). */
  async #readPage(): Promise<readonly LiveMessage[]> {
    const delivered = this.#delivered;
    const epoch = delivered.position?.epoch;
    try {
      const range = { from: this.#next, limit: PAGE, maxBytes: HISTORY_READ_MAX_BYTES };
      const read = await this.#context.log.read(delivered.sessionId, range);
      if (read.session?.epoch !== epoch) {
        await this.#options.sync();
        return [];
      }
      if (delivered.position?.epoch !== epoch) return [];
      const page = read.entries.filter((entry) => entry.seq <= delivered.seq).map(liveMessageOf);
      if (page.length === 0) this.#tellGap(delivered.seq + 1);
      return page;
    } catch (error) {
      const { clock, shard } = this.#context;
      shard.failed(error);
      await delay(clock, RETRY_MS);
      await shard.back();
      return [];
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

  #giveChunk(): void {
    const [first] = this.#page;
    if (!first) return;
    this.#tellGap(first.seq);
    const chunk = this.#takeChunk(first.seq);
    this.#next = first.seq + chunk.length;
    const wanted = chunk.filter((message) => !this.#hasHad(message));
    if (wanted.length === 0) return;
    const isPlain = this.#member.protocol === 'plain';
    const frames = isPlain ? plainFrames(this.#delivered.sessionId, wanted) : wanted.map(({ frame }) => frame);
    this.#member.write(frames);
    this.#context.metrics.counters.recovered += wanted.length;
    this.#context.metrics.counters.delivered += wanted.length;
  }

  /** The first messages of the page, up to a missing number or the bytes of a chunk; at least one message. */
  #takeChunk(firstSeq: number): readonly LiveMessage[] {
    let bytes = 0;
    const end = this.#page.findIndex(({ seq, frame }, index) => {
      bytes += frame.length;
      return index > 0 && (seq !== firstSeq + index || bytes > this.#context.historyChunkBytes);
    });
    const chunk = end < 0 ? this.#page : this.#page.slice(0, end);
    this.#page = this.#page.slice(chunk.length);
    return chunk;
  }
}
