import type { Histogram } from '../../histogram.js';
import { renderer } from '../adapter.js';
import { contentOf, countIn, dueUsIn, MARK, memberIn, nowUs } from './content.js';
import type { FrameSocket } from './frame-socket.js';
import { connectMember, type LoadContext, type Member, type MemberPlan } from './member.js';

/** What members that count share. */
export interface CountingContext extends LoadContext {
  readonly latencies: Histogram;
  /** Whether every delivery to a member that reads is timed. Otherwise only those of its own messages are. */
  timesAll: boolean;
}

/** A member that stays connected, counts what it gets and, if its plan says so, checks it. */
export class CountingMember implements Member {
  readonly number: number;
  sent = 0;
  acknowledged = 0;
  received = 0;
  problem: string | undefined;
  readonly #plan: MemberPlan;
  readonly #context: CountingContext;
  readonly #socket: FrameSocket;
  readonly #render: (id: string, content: string) => string;
  readonly #message: Buffer;
  readonly #ping: Buffer | undefined;
  #isIn = false;
  #lastSeq = 0;
  /** By sender: the count in its newest message. */
  readonly #lastCounts = new Map<number, number>();

  constructor(plan: MemberPlan, context: CountingContext) {
    const { adapter } = context;
    this.number = plan.number;
    this.#plan = plan;
    this.#context = context;
    this.#render = renderer(adapter.publish, { session: plan.session, member: plan.number });
    this.#message = Buffer.from(adapter.message);
    this.#ping = adapter.ping && Buffer.from(adapter.ping.is);
    this.#socket = connectMember(plan, plan.port, adapter, {
      open: () => this.#opened(),
      frame: (buffer, start, end) => this.#frame(buffer, start, end),
      failed: (reason) => context.failed(reason),
    });
  }

  send(dueUs: number): void {
    this.sent += 1;
    this.#context.sent += 1;
    this.#socket.send(this.#render(`m${this.number}-${this.sent}`, contentOf(this.number, this.sent, dueUs)));
  }

  end(): void {
    this.#socket.end();
  }

  #opened(): void {
    const { hello, ready } = this.#context.adapter;
    if (hello !== undefined) this.#socket.send(hello);
    if (ready === undefined) this.#entered();
  }

  #entered(): void {
    this.#isIn = true;
    this.#context.ready();
  }

  #frame(buffer: Buffer, start: number, end: number): void {
    if (!this.#isIn) {
      const { ready = '' } = this.#context.adapter;
      if (buffer.toString('latin1', start, start + ready.length) === ready) this.#entered();
      return;
    }
    if (!beginsWith(buffer, start, end, this.#message)) return this.#otherFrame(buffer, start, end);
    // With an adapter whose messages have no prefix, a ping is told by its length.
    if (this.#ping && end - start === this.#ping.length) return this.#otherFrame(buffer, start, end);
    this.received += 1;
    this.#context.delivered += 1;
    if (this.#plan.reads) this.#readMessage(buffer, start);
  }

  #otherFrame(buffer: Buffer, start: number, end: number): void {
    const { ping } = this.#context.adapter;
    const text = buffer.toString('latin1', start, end);
    if (ping && text === ping.is) this.#socket.send(ping.answer);
    else if (text.startsWith('{"type":"error"')) this.problem ??= text;
  }

  #readMessage(buffer: Buffer, start: number): void {
    const at = buffer.indexOf(MARK, start);
    const sender = memberIn(buffer, at);
    if (this.#plan.checks) this.#check(buffer, start, sender, countIn(buffer, at));
    const isOwn = sender === this.number;
    if (isOwn || this.#context.timesAll) this.#context.latencies.record(nowUs() - dueUsIn(buffer, at));
    if (!isOwn) return;
    this.acknowledged += 1;
    this.#context.acknowledged += 1;
    this.#context.cameBack(this);
  }

  /** Checks that each sender's messages and the session's numbers come without a gap, in order. */
  #check(buffer: Buffer, start: number, sender: number, count: number): void {
    const expected = (this.#lastCounts.get(sender) ?? 0) + 1;
    if (count !== expected) this.problem ??= `message ${count} of member ${sender} came where ${expected} was due`;
    this.#lastCounts.set(sender, count);
    if (!this.#context.adapter.numbered) return;
    let seq = 0;
    for (let at = start + this.#message.length; ; at++) {
      const digit = (buffer[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      seq = seq * 10 + digit;
    }
    if (seq !== this.#lastSeq + 1) this.problem ??= `number ${seq} came after ${this.#lastSeq}`;
    this.#lastSeq = seq;
  }
}

function beginsWith(buffer: Buffer, start: number, end: number, prefix: Buffer): boolean {
  if (end - start < prefix.length) return false;
  for (let at = 0; at < prefix.length; at++) if (buffer[start + at] !== prefix[at]) return false;
  return true;
}
