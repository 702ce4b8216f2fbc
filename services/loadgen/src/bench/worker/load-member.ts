import { type Adapter, fill, renderer } from '../adapter.js';
import type { BenchMember } from './bench-member.js';
import { contentOf, countIn, dueUsIn, MARK, memberIn, nowUs } from './content.js';
import { FrameSocket } from './frame-socket.js';
import type { Histogram } from './histogram.js';

/** What a member is to be. */
export interface MemberPlan {
  readonly number: number;
  readonly session: string;
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  /** Looks into its frames; the others count them. */
  readonly reads: boolean;
  /** Checks order and completeness of what it gets, besides. */
  readonly checks: boolean;
  /** It takes no part in loads at a rate. */
  readonly silent?: true;
  /** Where it goes on when its connection breaks, as a port of the host; absent: a broken connection is a failure. */
  readonly returnsTo?: number;
}

/** What members share. */
export interface LoadContext {
  readonly adapter: Adapter;
  readonly latencies: Histogram;
  /** Whether deliveries to it are timed, or, with several messages in flight, only its own. */
  timesAll: boolean;
  delivered: number;
  acknowledged: number;
  sent: number;
  ready(): void;
  failed(reason: string): void;
  /** One of its own messages has come back. */
  cameBack(member: BenchMember): void;
}

/** One member of the load. */
export class LoadMember implements BenchMember {
  readonly number: number;
  sent = 0;
  acknowledged = 0;
  received = 0;
  problem: string | undefined;
  readonly #plan: MemberPlan;
  readonly #context: LoadContext;
  readonly #socket: FrameSocket;
  readonly #render: (id: string, content: string) => string;
  readonly #message: Buffer;
  readonly #ping: Buffer | undefined;
  #isIn = false;
  #lastSeq = 0;
  readonly #lastCounts = new Map<number, number>();

  constructor(plan: MemberPlan, context: LoadContext) {
    const { adapter } = context;
    const { number, session, host, port, localAddress } = plan;
    this.number = number;
    this.#plan = plan;
    this.#context = context;
    this.#render = renderer(adapter.publish, { session, member: number });
    this.#message = Buffer.from(adapter.message);
    this.#ping = adapter.ping && Buffer.from(adapter.ping.is);
    const path = fill(adapter.path, { session, member: String(number).padStart(16, '0') });
    this.#socket = new FrameSocket(
      {
        host,
        port,
        path,
        ...(adapter.subprotocol === undefined ? {} : { subprotocol: adapter.subprotocol }),
        ...(localAddress === undefined ? {} : { localAddress }),
      },
      {
        open: () => this.#opened(),
        frame: (buffer, start, end) => this.#frame(buffer, start, end),
        failed: (reason) => context.failed(reason),
      },
    );
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
    if (!begins(buffer, start, end, this.#message)) return this.#other(buffer, start, end);
    if (this.#ping && end - start === this.#ping.length) return this.#other(buffer, start, end);
    this.received += 1;
    this.#context.delivered += 1;
    if (this.#plan.reads) this.#look(buffer, start);
  }

  #other(buffer: Buffer, start: number, end: number): void {
    const { ping } = this.#context.adapter;
    const text = buffer.toString('latin1', start, end);
    if (ping && text === ping.is) this.#socket.send(ping.answer);
    else if (text.startsWith('{"type":"error"')) this.problem ??= text;
  }

  #look(buffer: Buffer, start: number): void {
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

function begins(buffer: Buffer, start: number, end: number, prefix: Buffer): boolean {
  if (end - start < prefix.length) return false;
  for (let at = 0; at < prefix.length; at++) if (buffer[start + at] !== prefix[at]) return false;
  return true;
}
