import type { Position } from '@holdfast/protocol';
import type { LiveMessage } from '@holdfast/session-store';
import { delay } from './clock.js';
import { liveMessage } from './live-message.js';
import type { Member } from './member.js';
import { plainFrames } from './plain-frames.js';
import type { RoomContext } from './room-context.js';
import type { Tail } from './tail.js';

/** What a pump needs of its room. */
export interface PumpedRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  /** Newest number delivered. */
  readonly seq: number;
  readonly tail: Tail;
  readonly sync: { run(reason: 'resume'): Promise<void> };
  attach(member: Member): void;
}

/** Messages handed to a member at once. */
const PAGE = 100;
/** A member with more than this in its send buffer is waited for, so that a long history is no backpressure (F6). */
const PAUSE_ABOVE_BYTES = 65_536;
const RETRY_MS = 250;

/**
 * Gives a member the history from a number on, at the pace it reads, and attaches it to live delivery in the same step
 * in which it has caught up: no gap, no duplicate, nothing out of order (R1).
 */
export class HistoryPump {
  readonly #room: PumpedRoom;
  readonly #context: RoomContext;
  readonly #member: Member;
  /** Ids that are left out: a plain member has had them. */
  readonly #skipped: ReadonlySet<string> | undefined;
  #next: number;
  #stopped = false;

  constructor(room: PumpedRoom, context: RoomContext, member: Member, from: number, skipped?: ReadonlySet<string>) {
    this.#room = room;
    this.#context = context;
    this.#member = member;
    this.#next = from;
    this.#skipped = skipped;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    while (!this.#stopped && !this.#member.closed) {
      if (this.#next > this.#room.seq) return this.#room.attach(this.#member);
      const page = this.#room.tail.from(this.#next, PAGE) ?? (await this.#readPage());
      if (this.#stopped || this.#member.closed) return;
      this.#give(page);
      if (this.#member.bufferedBytes() > PAUSE_ABOVE_BYTES) {
        await new Promise<void>((resolve) => this.#member.onceDrained(resolve));
      }
    }
  }

  /** Reads what the tail does not reach back to; never more than the room has delivered (F7). */
  async #readPage(): Promise<LiveMessage[]> {
    const epoch = this.#room.position?.epoch;
    try {
      const read = await this.#context.log.read(this.#room.sessionId, { from: this.#next, limit: PAGE });
      if (read.session?.epoch !== epoch) {
        await this.#room.sync.run('resume');
        return [];
      }
      if (this.#room.position?.epoch !== epoch) return [];
      this.#tellGap(read.entries[0]?.seq ?? this.#room.seq + 1);
      return read.entries.filter((entry) => entry.seq <= this.#room.seq).map(liveMessage);
    } catch (error) {
      this.#context.storage.failed(error);
      await delay(this.#context.clock, RETRY_MS);
      return [];
    }
  }

  /** What was trimmed before it could be given is said (V7). */
  #tellGap(first: number): void {
    if (this.#stopped || first <= this.#next) return;
    this.#member.tell({ type: 'session', event: 'gap', from: this.#next, to: first - 1 });
    this.#next = first;
  }

  /** A plain member cannot tell what it has had already. */
  #skips(message: LiveMessage): boolean {
    return this.#skipped?.has(message.id) === true || this.#member.sawPending(message);
  }

  #give(page: readonly LiveMessage[]): void {
    const last = page.at(-1);
    if (!last) return;
    const plain = this.#member.protocol === 'plain';
    const wanted = page.filter((message) => message.seq >= this.#next && !this.#skips(message));
    this.#next = last.seq + 1;
    if (wanted.length === 0) return;
    this.#member.write(plain ? plainFrames(this.#room.sessionId, wanted) : wanted.map((message) => message.frame));
    this.#context.metrics.counters.recovered += wanted.length;
    this.#context.metrics.counters.delivered += wanted.length;
  }
}
