import type { Position } from '@holdfast/protocol';
import { type LiveMessage, liveMessageOf, messageName } from '@holdfast/session-store';
import { delay } from '../../ports/clock.js';
import type { Member } from '../../ports/member.js';
import type { RoomContext } from '../../shared/gateway-context.js';
import { plainFrames } from './plain-frames.js';
import type { Tail } from './tail.js';

/** What a pump needs of its room. */
export interface PumpedRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  /** Newest number delivered. */
  readonly seq: number;
  readonly tail: Tail;
  readonly sync: { run(reason: 'resume'): Promise<void> };
  readonly audience: { attach(member: Member): void };
}

/** Messages fetched at once. */
const PAGE = 100;
const RETRY_MS = 250;

/**
 * Gives a member the history from a number on, at the pace it reads, and attaches it to live delivery in the same step
 * in which it has caught up: no gap, no duplicate, nothing out of order (R1).
 */
export class HistoryPump {
  readonly #room: PumpedRoom;
  readonly #context: RoomContext;
  readonly #member: Member;
  /** What is left out, by sender and id: a plain member has had it. */
  readonly #skipped: ReadonlySet<string> | undefined;
  #next: number;
  /** Fetched and not given yet. */
  #page: readonly LiveMessage[] = [];
  #stopped = false;

  constructor(room: PumpedRoom, context: RoomContext, member: Member, from: number, skipped?: ReadonlySet<string>) {
    this.#room = room;
    this.#context = context;
    this.#member = member;
    this.#next = from;
    this.#skipped = skipped;
  }

  /** The number it gives next. */
  get next(): number {
    return this.#next;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Says what will not come, because the session has ended (V7). */
  giveUp(): void {
    this.#tellGap(this.#room.seq + 1);
    this.stop();
  }

  get #over(): boolean {
    return this.#stopped || this.#member.closed;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      if (this.#next > this.#room.seq) return this.#room.audience.attach(this.#member);
      if (this.#member.bufferedBytes() > 0) {
        // A long history is no backlog: whoever reads it slowly is given the next part when the last one is gone (F6).
        await new Promise<void>((resolve) => this.#member.onceDrained(resolve));
        continue;
      }
      if (this.#page.length === 0) this.#page = this.#room.tail.from(this.#next, PAGE) ?? (await this.#readPage());
      if (this.#over) return;
      this.#giveChunk();
    }
  }

  /** Reads what the tail does not reach back to; never more than the room has delivered (F7). */
  async #readPage(): Promise<readonly LiveMessage[]> {
    const epoch = this.#room.position?.epoch;
    try {
      const read = await this.#context.log.read(this.#room.sessionId, { from: this.#next, limit: PAGE });
      if (read.session?.epoch !== epoch) {
        await this.#room.sync.run('resume');
        return [];
      }
      if (this.#room.position?.epoch !== epoch) return [];
      const page = read.entries.filter((entry) => entry.seq <= this.#room.seq).map(liveMessageOf);
      if (page.length === 0) this.#tellGap(this.#room.seq + 1);
      return page;
    } catch (error) {
      const { clock, storage } = this.#context;
      storage.failed(error);
      await delay(clock, RETRY_MS);
      await storage.back();
      return [];
    }
  }

  /** What was trimmed before it could be given, or is missing in the log, is said (V7). */
  #tellGap(first: number): void {
    if (this.#over || first <= this.#next) return;
    this.#member.tell({ type: 'session', event: 'gap', from: this.#next, to: first - 1 });
    this.#next = first;
  }

  /** A plain member cannot tell what it has had already. */
  #skips(message: LiveMessage): boolean {
    return this.#skipped?.has(messageName(message)) === true || this.#member.sawPending(message);
  }

  #giveChunk(): void {
    const [first] = this.#page;
    if (!first) return;
    this.#tellGap(first.seq);
    const chunk = this.#takeChunk(first.seq);
    this.#next = first.seq + chunk.length;
    const wanted = chunk.filter((message) => !this.#skips(message));
    if (wanted.length === 0) return;
    const plain = this.#member.protocol === 'plain';
    this.#member.write(plain ? plainFrames(this.#room.sessionId, wanted) : wanted.map((message) => message.frame));
    this.#context.metrics.counters.recovered += wanted.length;
    this.#context.metrics.counters.delivered += wanted.length;
  }

  /** The first of the page, as far as their numbers follow on each other and their bytes are no backlog. */
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
