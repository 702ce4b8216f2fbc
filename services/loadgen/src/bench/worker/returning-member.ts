import { fill } from '../adapter.js';
import type { BenchMember } from './bench-member.js';
import { contentOf, nowUs } from './content.js';
import { FrameSocket, type Refusal } from './frame-socket.js';
import type { LoadContext, MemberPlan } from './load-member.js';
import { returnPauseMs } from './return-pause.js';
import type { Returns } from './returns.js';

type Position = { readonly epoch: string; readonly seq: number; readonly id: string };

type Frame =
  | { readonly type: 'welcome'; readonly epoch: string; readonly seq: number; readonly recovered: boolean }
  | { readonly type: 'message'; readonly pending?: undefined; readonly seq: number; readonly id: string }
  | { readonly type: 'message'; readonly pending: true }
  | { readonly type: 'ack'; readonly id: string }
  | { readonly type: 'error'; readonly code: string };

type Plan = Omit<MemberPlan, 'reads' | 'checks'>;
type Context = Omit<LoadContext, 'latencies' | 'timesAll'>;

/** A message that has not come back. */
interface Unanswered {
  readonly content: string;
  /** Where the member was when it first sent it; nothing while it was away. */
  after: Position | undefined;
}

/**
 * A member that keeps its position and what has not come back, and goes on there when its connection breaks: what
 * libs/client does, for ten thousand members in a process, and without a pause before the first attempt. It checks that
 * what it is given follows number on number from the first welcome on (R1).
 */
export class ReturningMember implements BenchMember {
  readonly number: number;
  /** Whether its session had messages when it came first. */
  joinedLate = false;
  sent = 0;
  acknowledged = 0;
  received = 0;
  problem: string | undefined;
  readonly #plan: Plan;
  readonly #context: Context;
  readonly #returns: Returns;
  readonly #unanswered = new Map<string, Unanswered>();
  #socket: FrameSocket;
  #position: Position | undefined;
  #welcomed = false;
  /** While it is away: when it lost its connection, and how many attempts have failed since. */
  #away: { readonly sinceUs: number; failures: number } | undefined;
  /** Number up to which it is owed what it missed; nothing: it has all. */
  #owedTo: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: Plan, context: Context, returns: Returns) {
    this.number = plan.number;
    this.#plan = plan;
    this.#context = context;
    this.#returns = returns;
    this.#socket = this.#connect();
  }

  /** Whether it was welcomed once. */
  get isIn(): boolean {
    return this.#position !== undefined;
  }

  /** Whether nothing that it sent is under way. */
  get isSettled(): boolean {
    return this.#unanswered.size === 0;
  }

  send(dueUs: number): void {
    this.sent += 1;
    this.#context.sent += 1;
    const id = `m${this.number}-${this.sent}`;
    const message: Unanswered = { content: contentOf(this.number, this.sent, dueUs), after: undefined };
    this.#unanswered.set(id, message);
    if (this.#welcomed) this.#give(id, message);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#socket.end();
  }

  #connect(): FrameSocket {
    const { adapter } = this.#context;
    const { number, session, host, localAddress, returnsTo } = this.#plan;
    const port = this.#away && returnsTo !== undefined ? returnsTo : this.#plan.port;
    let path = fill(adapter.path, { session, member: String(number).padStart(16, '0') });
    if (this.#position) {
      const { epoch, seq, id } = this.#position;
      path += `&epoch=${epoch}&last_seq=${seq}&last_id=${id}`;
    }
    return new FrameSocket(
      {
        host,
        port,
        path,
        ...(adapter.subprotocol === undefined ? {} : { subprotocol: adapter.subprotocol }),
        ...(localAddress === undefined ? {} : { localAddress }),
      },
      {
        open: () => undefined,
        frame: (buffer, start, end) => this.#read(JSON.parse(buffer.toString('utf8', start, end)) as Frame),
        failed: (reason, refusal) => this.#lost(reason, refusal),
      },
    );
  }

  #lost(reason: string, refusal: Refusal | undefined): void {
    if (!this.#position) return this.#context.failed(reason);
    this.#welcomed = false;
    if (!this.#away) {
      this.#away = { sinceUs: nowUs(), failures: 0 };
      this.#socket = this.#connect();
      return;
    }
    this.#returns.failed(reason);
    const pauseMs = returnPauseMs(this.#away.failures, refusal, Math.random);
    this.#away.failures += 1;
    this.#timer = setTimeout(() => {
      this.#socket = this.#connect();
    }, pauseMs);
  }

  #read(frame: Frame): void {
    switch (frame.type) {
      case 'welcome':
        return this.#welcome(frame);
      case 'message':
        // Shown before it was stored: it comes again (V3).
        return frame.pending ? undefined : this.#message(frame);
      case 'ack':
        return this.#answered(frame.id);
      case 'error':
        this.problem ??= JSON.stringify(frame);
    }
  }

  #welcome({ epoch, seq, recovered }: Extract<Frame, { type: 'welcome' }>): void {
    this.#welcomed = true;
    if (!this.#position) {
      this.#position = { epoch, seq, id: '' };
      this.joinedLate = seq > 0;
      return this.#context.ready();
    }
    if (!recovered || epoch !== this.#position.epoch) this.problem ??= `was welcomed back without what it had`;
    this.#owedTo = seq;
    this.#settle();
    for (const [id, message] of this.#unanswered) this.#give(id, message);
  }

  #message({ seq, id }: Extract<Frame, { type: 'message'; pending?: undefined }>): void {
    const { epoch = '', seq: last = 0 } = this.#position ?? {};
    if (seq !== last + 1) this.problem ??= `number ${seq} came after ${last}`;
    this.#position = { epoch, seq, id };
    this.received += 1;
    this.#context.delivered += 1;
    this.#answered(id);
    this.#settle();
  }

  #answered(id: string): void {
    if (!this.#unanswered.delete(id)) return;
    this.acknowledged += 1;
    this.#context.acknowledged += 1;
    this.#context.cameBack(this);
  }

  /** It is back when it has what it missed, not when it is let in. */
  #settle(): void {
    if (this.#owedTo === undefined || !this.#away || !this.#position) return;
    if (this.#position.seq < this.#owedTo) return;
    this.#returns.came(nowUs(), this.#away.sinceUs);
    this.#owedTo = undefined;
    this.#away = undefined;
  }

  #give(id: string, message: Unanswered): void {
    const retry = message.after && { retry: true, after: message.after };
    message.after ??= this.#position;
    this.#socket.send(JSON.stringify({ type: 'send', id, content: message.content, ...retry }));
  }
}
