import type { MemberPlan } from './load-member.js';

export interface ConnectorEvents {
  open(plan: MemberPlan): void;
  /** Now and then: how many are open. */
  tell(open: number): void;
  /** All are open. */
  done(): void;
}

const TICK_MS = 20;
/** Connections under way at once: a busy machine is given no burst to catch up with. */
const UNDER_WAY_MAX = 50;
const TICKS_PER_TELL = 10;

/** Opens connections at a rate, as far as the server keeps up. */
export class Connector {
  readonly #plans: readonly MemberPlan[];
  readonly #perTick: number;
  readonly #events: ConnectorEvents;
  #begun = 0;
  #due = 0;
  #open = 0;
  #ticks = 0;
  #ticker: NodeJS.Timeout | undefined;

  /** @param perSecond connections a second */
  constructor(plans: readonly MemberPlan[], perSecond: number, events: ConnectorEvents) {
    this.#plans = plans;
    this.#perTick = (perSecond * TICK_MS) / 1_000;
    this.#events = events;
  }

  start(): void {
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    if (this.#plans.length === 0) this.#finish();
  }

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
    this.#ticks += 1;
    if (this.#ticks % TICKS_PER_TELL === 0) this.#events.tell(this.#open);
  }
}
