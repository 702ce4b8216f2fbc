import type { CloseCode, ServerFrame } from '@holdfast/protocol';
import { type LiveMessage, messageName } from '@holdfast/session-store';
import type { Member } from '../../ports/member.js';
import type { RoomContext } from '../../shared/gateway-context.js';
import { HistoryPump, type PumpedRoom } from './history-pump.js';
import { plainFrames } from './plain-frames.js';

/** How often backlogs are looked at while the limit's worth of bytes is published. */
const BACKLOG_CHECKS = 4;
/** What takes more than this part of the limit at once is large. */
const LARGE_SHARE = 32;

/** How a member gets what its room delivers. `late`: what is pending, and nothing stored until it is placed (D3). */
type Way = 'grouped' | 'alone' | 'late' | HistoryPump;

const isLive = (way: Way): boolean => way === 'grouped' || way === 'alone';

/** The members of a room: those that get live messages, and those that are still being given history. */
export class Audience {
  readonly #room: PumpedRoom;
  readonly #ways = new Map<Member, Way>();
  /** Members that are sent what is published to the session's group. */
  #grouped = 0;
  /** Members that live messages are written to one by one. */
  #alone = 0;
  /** Bytes published to the group since its members' backlogs were looked at. */
  #publishedBytes = 0;

  constructor(
    room: PumpedRoom,
    readonly context: RoomContext,
  ) {
    this.#room = room;
  }

  get isEmpty(): boolean {
    return this.#ways.size === 0;
  }

  members(): Iterable<Member> {
    return this.#ways.keys();
  }

  /** Members that know where they are, and this one. */
  *placed(also: Member): Iterable<Member> {
    for (const [member, way] of this.#ways) if (member === also || way !== 'late') yield member;
  }

  /** How many get live messages. */
  get listeners(): number {
    return this.#grouped + this.#alone;
  }

  /** Whether it has been welcomed here. */
  has(member: Member): boolean {
    return this.#ways.has(member);
  }

  /** A member joins live delivery: the next message is the one after the room's newest. */
  attach(member: Member): void {
    const isGrouped = this.context.publishToGroup !== undefined && member.group(this.#room.sessionId);
    this.#place(member, isGrouped ? 'grouped' : 'alone');
  }

  /** Whether it does not know yet where it is. */
  isLate(member: Member): boolean {
    return this.#ways.get(member) === 'late';
  }

  /** A member joins that is going to be told where it is by {@link restart}. */
  attachLate(member: Member): void {
    this.#place(member, 'late');
  }

  /** A member joins, but is given the history from a number on first (R1). */
  attachAfterHistory(member: Member, from: number, skipped?: ReadonlySet<string>): void {
    this.detach(member);
    const pump = new HistoryPump(this.#room, this.context, member, from, skipped);
    this.#place(member, pump);
    pump.start();
  }

  detach(member: Member): void {
    const way = this.#ways.get(member);
    if (way === 'grouped') member.group(undefined);
    else if (way instanceof HistoryPump) way.stop();
    this.#place(member, undefined);
  }

  #place(member: Member, way: Way | undefined): void {
    const before = this.#ways.get(member);
    if (before === 'grouped') this.#grouped -= 1;
    else if (before === 'alone') this.#alone -= 1;
    if (way === 'grouped') this.#grouped += 1;
    else if (way === 'alone') this.#alone += 1;
    if (way) this.#ways.set(member, way);
    else this.#ways.delete(member);
  }

  *#which(suits: (way: Way) => boolean): Iterable<Member> {
    for (const [member, way] of this.#ways) if (suits(way)) yield member;
  }

  /** Gives live messages to those that get them. */
  deliver(messages: readonly LiveMessage[]): void {
    if (!this.#publish(messages.map(({ frame }) => frame))) this.#write(this.#which(isLive), messages);
    else if (this.#alone > 0)
      this.#write(
        this.#which((way) => way === 'alone'),
        messages,
      );
    this.context.metrics.counters.delivered += messages.length * this.listeners;
  }

  /** Sends a frame to every member of the group. @returns those that are left, to be written to one by one */
  publish(frame: Uint8Array): Iterable<Member> {
    if (!this.#publish([frame])) return this.members();
    return this.#grouped === this.#ways.size ? [] : this.#which((way) => way !== 'grouped');
  }

  /** @returns false where nobody is in the group, and for what is so large that each backlog has to be watched */
  #publish(frames: readonly Uint8Array[]): boolean {
    const { publishToGroup, maxBackpressureBytes } = this.context;
    if (!publishToGroup || this.#grouped === 0) return false;
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    if (bytes * LARGE_SHARE > maxBackpressureBytes) return false;
    for (const frame of frames) publishToGroup(this.#room.sessionId, frame);
    this.#publishedBytes += bytes;
    // Nobody's backlog grows by more than what was published.
    if (this.#publishedBytes * BACKLOG_CHECKS < maxBackpressureBytes) return true;
    this.#publishedBytes = 0;
    for (const member of this.#which((way) => way === 'grouped')) member.checkBacklog();
    return true;
  }

  #write(members: Iterable<Member>, messages: readonly LiveMessage[]): void {
    if (this.listeners === 0) return;
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
    for (const member of this.#which(isLive)) member.tell({ type: 'session', event: 'gap', from, to });
  }

  /** The session has ended: what is left of its history is not given any more. */
  giveUpHistory(): void {
    for (const [member, way] of [...this.#ways]) {
      if (!(way instanceof HistoryPump)) continue;
      way.giveUp();
      this.attach(member);
    }
  }

  /**
   * Members start over from a number: the history may differ from what they were sent (G4).
   *
   * @param alreadyHad messages that were delivered here, by sender and id
   */
  restartAll(epoch: string, from: number, alreadyHad: ReadonlySet<string>): void {
    for (const member of [...this.#which((way) => way !== 'late')]) {
      if (!member.persistent) continue;
      // A framed member drops by id what it has had; a plain one cannot.
      this.restart(member, epoch, from, member.protocol === 'plain' ? alreadyHad : undefined);
    }
  }

  /** A member is told that the history from a number on may differ, and is given it on the same socket (V7). */
  restart(member: Member, epoch: string, from: number, alreadyHad?: ReadonlySet<string>): void {
    // Whoever was still being given history goes on where it was.
    const way = this.#ways.get(member);
    const start = way instanceof HistoryPump ? Math.min(from, way.next) : from;
    member.tell({ type: 'session', event: 'reset', epoch, from: start });
    this.attachAfterHistory(member, start, alreadyHad);
  }

  closeAll(code: CloseCode): void {
    for (const member of [...this.members()]) member.close(code);
  }
}
