import type { CloseCode, ServerFrame } from '@holdfast/protocol';
import { type LiveMessage, messageName, type NewMessage } from '@holdfast/session-store';
import type { Member } from '../../ports/member.js';
import type { PublishToGroup } from '../../ports/socket.js';
import type { DeliveredHistory } from './delivered-history.js';
import { HistoryPump, type HistoryPumpContext } from './history-pump.js';
import { pendingFrame, plainFrames, plainPendingFrame } from './plain-frames.js';

/** What an audience uses of its gateway. */
export interface DeliveryContext extends HistoryPumpContext {
  /** Absent where sockets cannot be grouped: then each member is written to. */
  readonly publishToGroup: PublishToGroup | undefined;
  /** What a member's send buffer may hold (F6). Bytes. */
  readonly maxBackpressureBytes: number;
}

/** How often backlogs are looked at while the limit's worth of bytes is published. */
const BACKLOG_CHECKS = 16;
/** Messages that take more than this part of the limit at once are written one by one, so that each backlog is watched. */
const LARGE_SHARE = 32;

/**
 * How a member gets what its room delivers: `grouped`: by one publish to the group of the session's sockets; `alone`: by
 * a write of its own; `late`: only pending messages, until it is told where it is (D3); a pump: history first (R1).
 */
type Way = 'grouped' | 'alone' | 'late' | HistoryPump;

const isLive = (way: Way): boolean => way === 'grouped' || way === 'alone';

/** The members of a room, and how each of them gets messages. */
export class Audience {
  readonly #delivered: DeliveredHistory;
  readonly #sync: () => Promise<void>;
  readonly #ways = new Map<Member, Way>();
  #grouped = 0;
  #alone = 0;
  /** Bytes published to the group since its members' backlogs were looked at. */
  #publishedBytes = 0;

  /** @param sync syncs the room, for members who read a history that has changed */
  constructor(
    delivered: DeliveredHistory,
    readonly context: DeliveryContext,
    sync: () => Promise<void>,
  ) {
    this.#delivered = delivered;
    this.#sync = sync;
  }

  get isEmpty(): boolean {
    return this.#ways.size === 0;
  }

  members(): Iterable<Member> {
    return this.#ways.keys();
  }

  /** How many members get live messages. */
  get listeners(): number {
    return this.#grouped + this.#alone;
  }

  /** Whether a member has been welcomed here. */
  has(member: Member): boolean {
    return this.#ways.has(member);
  }

  /** Whether a member does not know its position yet. */
  isLate(member: Member): boolean {
    return this.#ways.get(member) === 'late';
  }

  /** A member joins live delivery: the next message it gets is the one after the room's newest. */
  attach(member: Member): void {
    const isGrouped = this.context.publishToGroup !== undefined && member.group(this.#delivered.sessionId);
    this.#place(member, isGrouped ? 'grouped' : 'alone');
  }

  /** A member joins who will be told its position by {@link restart}. */
  attachLate(member: Member): void {
    this.#place(member, 'late');
  }

  /**
   * A member joins, but is given the history from a number on first (R1).
   *
   * @param skipped messages to leave out, by sender and id
   */
  attachAfterHistory(member: Member, from: number, skipped?: ReadonlySet<string>): void {
    this.detach(member);
    const pump = new HistoryPump(this.#delivered, this.context, {
      member,
      from,
      skipped,
      onCaughtUp: (caughtUp) => this.attach(caughtUp),
      sync: this.#sync,
    });
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

  /** Gives live messages to the members that get them. */
  deliver(messages: readonly LiveMessage[]): void {
    if (!this.#publish(messages.map(({ frame }) => frame))) this.#write(this.#which(isLive), messages);
    else if (this.#alone > 0)
      this.#write(
        this.#which((way) => way === 'alone'),
        messages,
      );
    this.context.metrics.counters.delivered += messages.length * this.listeners;
  }

  /**
   * Shows members a message that is not stored yet: as V3, or as P2 with the gateway's own count.
   *
   * @param count the session's count with it, as far as this gateway knows
   * @param nowMs Unix milliseconds
   */
  showPending(sender: Member, message: NewMessage, count: number, nowMs: number): void {
    const framed = Buffer.from(pendingFrame(message, nowMs));
    // Another gateway may have stored a repeated message already, and a late member may have had it there: then its
    // number would not come again. So late members are not shown it, except for its sender.
    const members = message.retry === undefined ? this.#publishOne(framed) : this.#placed(sender);
    // One string for all members that remember it.
    const name = messageName(message);
    let plain: string | undefined;
    for (const member of members) {
      if (!member.showPending(name)) continue;
      if (member.protocol === 'framed') member.write([framed]);
      else {
        plain ??= plainPendingFrame(this.#delivered.sessionId, count, message, nowMs);
        member.write([plain]);
      }
    }
  }

  /** Members that know their position, and one more. */
  *#placed(also: Member): Iterable<Member> {
    for (const [member, way] of this.#ways) if (member === also || way !== 'late') yield member;
  }

  /** Sends a frame to the group. @returns the members that are left to be written to one by one */
  #publishOne(frame: Uint8Array): Iterable<Member> {
    if (!this.#publish([frame])) return this.members();
    return this.#grouped === this.#ways.size ? [] : this.#which((way) => way !== 'grouped');
  }

  /** @returns false where nothing was sent: the group is empty, or the frames are large */
  #publish(frames: readonly Uint8Array[]): boolean {
    const { publishToGroup, maxBackpressureBytes } = this.context;
    if (!publishToGroup || this.#grouped === 0) return false;
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    if (bytes * LARGE_SHARE > maxBackpressureBytes) return false;
    for (const frame of frames) publishToGroup(this.#delivered.sessionId, frame);
    this.#publishedBytes += bytes;
    // Nobody's backlog has grown by more than what was published since the last look.
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
        plain ??= plainFrames(this.#delivered.sessionId, messages);
        member.write(plain.filter((_frame, index) => !member.sawPending(messages[index] as LiveMessage)));
      }
    }
  }

  /** These messages are going to be stored anew: plain members cannot tell that they have had them (G4). */
  noteHad(messages: readonly LiveMessage[]): void {
    const names = messages.map(messageName);
    for (const member of this.members()) for (const name of names) member.showPending(name);
  }

  /** Tells every framed member. */
  tellAll(frame: ServerFrame): void {
    for (const member of this.members()) member.tell(frame);
  }

  /** Passes a signal on to the members that asked for signals, except for its sender (V21). */
  signal(from: string, frame: Buffer): void {
    for (const member of this.members()) {
      if (member.presence && member.connectionId !== from) member.write([frame]);
    }
  }

  /** Tells members with live delivery of a gap. Members that are given history find it by themselves, in its place. */
  tellGap(from: number, to: number): void {
    for (const member of this.#which(isLive)) member.tell({ type: 'session', event: 'gap', from, to });
  }

  /** The session has ended: the rest of its history is not given any more. */
  giveUpHistory(): void {
    for (const [member, way] of [...this.#ways]) {
      if (!(way instanceof HistoryPump)) continue;
      way.giveUp();
      this.attach(member);
    }
  }

  /**
   * Members start over from a number, because the history may differ from what they were sent (G4).
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

  /** Tells a member that the history from a number on may differ, and gives it that history on the same socket (V7). */
  restart(member: Member, epoch: string, from: number, alreadyHad?: ReadonlySet<string>): void {
    // A member that was still being given history goes on where it was.
    const way = this.#ways.get(member);
    const start = way instanceof HistoryPump ? Math.min(from, way.next) : from;
    member.tell({ type: 'session', event: 'reset', epoch, from: start });
    this.attachAfterHistory(member, start, alreadyHad);
  }

  closeAll(code: CloseCode): void {
    for (const member of [...this.members()]) member.close(code);
  }
}
