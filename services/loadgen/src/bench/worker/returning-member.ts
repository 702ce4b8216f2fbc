import { contentOf, nowUs } from './content.js';
import type { FrameSocket, Refusal } from './frame-socket.js';
import { connectMember, type LoadContext, type Member, type MemberPlan } from './member.js';
import type { Returns } from './returns.js';

type Position = { readonly epoch: string; readonly seq: number; readonly id: string };

type Frame =
  | { readonly type: 'welcome'; readonly epoch: string; readonly seq: number; readonly recovered: boolean }
  | { readonly type: 'message'; readonly pending?: undefined; readonly seq: number; readonly id: string }
  | { readonly type: 'message'; readonly pending: true }
  | { readonly type: 'ack'; readonly id: string }
  | { readonly type: 'error'; readonly code: string };

type Plan = Omit<MemberPlan, 'reads' | 'checks'>;

/** A message that was sent and not acknowledged yet. */
interface Unanswered {
  readonly content: string;
  /** The member's position when it sent the message for the first time. Nothing if it was away and has not sent it. */
  after: Position | undefined;
}

/**
 * A member that keeps its position and its unacknowledged messages, and resumes with them when its connection breaks.
 * It does what libs/client does, but is light enough for ten thousand members in a process, and makes its first attempt
 * without a pause. It checks that the numbers it gets follow one another from its first welcome on (R1).
 */
export class ReturningMember implements Member {
  readonly number: number;
  joinedLate = false;
  sent = 0;
  acknowledged = 0;
  received = 0;
  problem: string | undefined;
  readonly #plan: Plan;
  readonly #context: LoadContext;
  readonly #returns: Returns;
  readonly #unanswered = new Map<string, Unanswered>();
  #socket: FrameSocket;
  #position: Position | undefined;
  #welcomed = false;
  /** Only while it is away: when it lost its connection, and how many attempts have failed since. */
  #away: { readonly sinceUs: number; failures: number } | undefined;
  /** The number up to which it has missed messages. Nothing when it has them all. */
  #owedTo: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: Plan, context: LoadContext, returns: Returns) {
    this.number = plan.number;
    this.#plan = plan;
    this.#context = context;
    this.#returns = returns;
    this.#socket = this.#connect();
  }

  /** Whether it was ever welcomed. */
  get isIn(): boolean {
    return this.#position !== undefined;
  }

  /** Whether everything that it sent was acknowledged. */
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
    const { port, returnsTo } = this.#plan;
    const events = {
      open: () => undefined,
      frame: (buffer: Buffer, start: number, end: number) =>
        this.#read(JSON.parse(buffer.toString('utf8', start, end)) as Frame),
      failed: (reason: string, refusal?: Refusal) => this.#lost(reason, refusal),
    };
    const { epoch, seq, id } = this.#position ?? {};
    const position = epoch === undefined ? '' : `&epoch=${epoch}&last_seq=${seq}&last_id=${id}`;
    const target = this.#away ? (returnsTo ?? port) : port;
    return connectMember(this.#plan, target, this.#context.adapter, events, position);
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
        // A pending message comes again when it is stored (V3).
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
    if (!recovered || epoch !== this.#position.epoch) this.problem ??= 'its position was not recovered';
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

  /** A member counts as back when it has everything it missed, not when it is welcomed. */
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

/** The defaults of libs/client. */
const BASE_MS = 1_000;
const MAX_MS = 30_000;

/**
 * How long a member waits before its next attempt, in milliseconds. As in libs/client the longest pause doubles with
 * every failure, and the pause is drawn from the whole range below it. If a refusal names a time (`Retry-After`), the
 * member waits at least that long and at most twice as long, so that members that were refused together do not come
 * together.
 *
 * @param failures how many attempts have failed before the last one
 */
export function returnPauseMs(failures: number, refusal: Refusal | undefined, random: () => number): number {
  const retryAfterMs = refusal?.retryAfterMs;
  if (retryAfterMs !== undefined) return retryAfterMs * (1 + random());
  return random() * Math.min(MAX_MS, BASE_MS * 2 ** Math.min(failures, 30));
}
