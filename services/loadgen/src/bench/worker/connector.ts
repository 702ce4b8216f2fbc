import type { MemberPlan } from './member.js';

export interface ConnectorEvents {
  /** To open a connection now. */
  open(plan: MemberPlan): void;
  /** All connections are open. */
  done(): void;
}

const TICK_MS = 20;
/** How many connections may be opening at once, so that a busy machine gets no burst when it falls behind. */
const UNDER_WAY_MAX = 50;

/** Opens connections at a steady rate, or more slowly when the server does not keep up. */
export class Connector {
  readonly #plans: readonly MemberPlan[];
  readonly #perTick: number;
  readonly #events: ConnectorEvents;
  #begun = 0;
  #due = 0;
  #open = 0;
  #ticker: NodeJS.Timeout | undefined;

  constructor(plans: readonly MemberPlan[], perSecond: number, events: ConnectorEvents) {
    this.#plans = plans;
    this.#perTick = (perSecond * TICK_MS) / 1_000;
    this.#events = events;
  }

  start(): void {
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    if (this.#plans.length === 0) this.#finish();
  }

  /** To be called for every connection that is open. */
  opened(): void {
    this.#open += 1;
    if (this.#open === this.#plans.length) this.#finish();
  }

  #finish(): void {
    clearInterval(this.#ticker);
    this.#events.done();
  }

  #tick(): void {
    const room = UNDER_WAY_MAX - (this.#begun - this.#open);
    this.#due = Math.min(this.#due + this.#perTick, this.#begun + room, this.#plans.length);
    for (; this.#begun + 1 <= this.#due; this.#begun++) {
      const plan = this.#plans[this.#begun];
      if (plan) this.#events.open(plan);
    }
  }
}
