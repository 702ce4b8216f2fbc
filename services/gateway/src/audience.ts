import type { CloseCode, ServerFrame } from '@holdfast/protocol';
import { type LiveMessage, messageName } from '@holdfast/session-store';
import { HistoryPump, type PumpedRoom } from './history-pump.js';
import type { Member } from './member.js';
import { plainFrames } from './plain-frames.js';
import type { RoomContext } from './room-context.js';
import { SparseMap } from './sparse-map.js';

/** How often backlogs are looked at while the limit's worth of bytes is published. */
const BACKLOG_CHECKS = 4;
/** What takes more than this part of the limit at once is large. */
const LARGE_SHARE = 32;

/** The members of a room: those that get live messages, and those that are still being given history. */
export class Audience {
  readonly #room: PumpedRoom;
  readonly #live = new Set<Member>();
  /** Of those the ones that are written to one by one. */
  readonly #alone = new SparseMap<Member, true>();
  /** Bytes published to the others since their backlogs were looked at. */
  #publishedBytes = 0;
  readonly #pumps = new SparseMap<Member, HistoryPump>();
  /** Those that hear what is pending, and nothing stored until it is known where they are (D3). */
  readonly #late = new SparseMap<Member, true>();

  constructor(
    room: PumpedRoom,
    readonly context: RoomContext,
  ) {
    this.#room = room;
  }

  get isEmpty(): boolean {
    return this.#live.size + this.#pumps.size + this.#late.size === 0;
  }

  *members(): Iterable<Member> {
    yield* this.#live;
    yield* this.#pumps.keys();
    yield* this.#late.keys();
  }

  /** Members that know where they are, and this one. */
  *placed(also: Member): Iterable<Member> {
    for (const member of this.members()) if (member === also || !this.#late.has(member)) yield member;
  }

  /** How many get live messages. */
  get listeners(): number {
    return this.#live.size;
  }

  /** Whether it has been welcomed here. */
  has(member: Member): boolean {
    return this.#live.has(member) || this.#pumps.has(member) || this.#late.has(member);
  }

  /** A member joins live delivery: the next message is the one after the room's newest. */
  attach(member: Member): void {
    this.#pumps.delete(member);
    this.#live.add(member);
    if (!this.context.publishToGroup || !member.group(this.#room.sessionId)) this.#alone.set(member, true);
  }

  /** Whether it does not know yet where it is. */
  isLate(member: Member): boolean {
    return this.#late.has(member);
  }

  /** A member joins that is going to be told where it is by {@link restart}. */
  attachLate(member: Member): void {
    this.#late.set(member, true);
  }

  /** A member joins, but is given the history from a number on first (R1). */
  attachAfterHistory(member: Member, from: number, skipped?: ReadonlySet<string>): void {
    this.detach(member);
    const pump = new HistoryPump(this.#room, this.context, member, from, skipped);
    this.#pumps.set(member, pump);
    pump.start();
  }

  detach(member: Member): void {
    if (this.#live.delete(member) && !this.#alone.delete(member)) member.group(undefined);
    this.#late.delete(member);
    this.#pumps.get(member)?.stop();
    this.#pumps.delete(member);
  }

  /** Gives live messages to those that get them. */
  deliver(messages: readonly LiveMessage[]): void {
    const isGrouped = this.#live.size > this.#alone.size;
    if (!isGrouped || !this.#publish(messages)) this.#write(this.#live, messages);
    else if (this.#alone.size > 0) this.#write(this.#alone.keys(), messages);
    this.context.metrics.counters.delivered += messages.length * this.#live.size;
  }

  /** @returns false for what is so large that each member's backlog has to be watched frame by frame */
  #publish(messages: readonly LiveMessage[]): boolean {
    const { publishToGroup, maxBackpressureBytes } = this.context;
    const frames = messages.map(({ frame }) => frame);
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    if (!publishToGroup || bytes * LARGE_SHARE > maxBackpressureBytes) return false;
    for (const frame of frames) publishToGroup(this.#room.sessionId, frame);
    this.#publishedBytes += bytes;
    // Nobody's backlog grows by more than what was published.
    if (this.#publishedBytes * BACKLOG_CHECKS < maxBackpressureBytes) return true;
    this.#publishedBytes = 0;
    for (const member of this.#live) member.checkBacklog();
    return true;
  }

  #write(members: Iterable<Member>, messages: readonly LiveMessage[]): void {
    if (this.#live.size === 0) return;
    const framed = messages.map((message) => message.frame);
    let plain: string[] | undefined;
    for (const member of members) {
      if (member.protocol === 'framed') member.write(framed);
      else {
        plain ??= plainFrames(this.#room.sessionId, messages);
        member.write(plain.filter((_frame, index) => !member.sawPending(messages[index] as LiveMessage)));
      }
    }
  }

  /** These are going to be stored anew: a plain member cannot tell that it has had them (G4). */
  noteHad(messages: readonly LiveMessage[]): void {
    const names = messages.map(messageName);
    for (const member of this.members()) for (const name of names) member.showPending(name);
  }

  /** Tells every framed member. */
  tellAll(frame: ServerFrame): void {
    for (const member of this.members()) member.tell(frame);
  }

  /** Those that are still given history find the gap by themselves, in its place. */
  tellGap(from: number, to: number): void {
    for (const member of this.#live) member.tell({ type: 'session', event: 'gap', from, to });
  }

  /** The session has ended: what is left of its history is not given any more. */
  giveUpHistory(): void {
    for (const [member, pump] of [...this.#pumps]) {
      pump.giveUp();
      this.attach(member);
    }
  }

  /**
   * Members start over from a number: the history may differ from what they were sent (G4).
   *
   * @param alreadyHad messages that were delivered here, by sender and id
   */
  restartAll(epoch: string, from: number, alreadyHad: ReadonlySet<string>): void {
    for (const member of [...this.#live, ...this.#pumps.keys()].filter((each) => each.persistent)) {
      // A framed member drops by id what it has had; a plain one cannot.
      this.restart(member, epoch, from, member.protocol === 'plain' ? alreadyHad : undefined);
    }
  }

  /** A member is told that the history from a number on may differ, and is given it on the same socket (V7). */
  restart(member: Member, epoch: string, from: number, alreadyHad?: ReadonlySet<string>): void {
    // Whoever was still being given history goes on where it was.
    const start = Math.min(from, this.#pumps.get(member)?.next ?? from);
    member.tell({ type: 'session', event: 'reset', epoch, from: start });
    this.attachAfterHistory(member, start, alreadyHad);
  }

  closeAll(code: CloseCode): void {
    for (const member of [...this.members()]) member.close(code);
  }
}
