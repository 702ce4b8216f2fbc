import { nowUs } from './content.js';
import { localAddressOf } from './member.js';
import type { ChurnPlan, ChurnReport, EndedSession, MemberReport } from './messages.js';
import { ReturningMember } from './returning-member.js';
import { Returns } from './returns.js';

const TICK_MS = 100;
/** How long a place in a session stays empty on average, as a share of how long members stay. */
const EMPTY_SHARE = 0.1;

/** A session that is in use, and its members. */
interface Slot {
  session: string;
  endsAtMs: number;
  present: Set<ReturningMember>;
  /** Members that send nothing more, and leave when everything they sent was acknowledged. */
  leaving: Set<ReturningMember>;
  /** Results of the members that have left. */
  reports: MemberReport[];
}

/** Makes members join, chat and leave in sessions that begin and end. */
export class Churn {
  readonly #plan: ChurnPlan;
  readonly #slots: Slot[];
  readonly #returns = new Returns();
  readonly #failed: (reason: string) => void;
  #joined = 0;
  #sent = 0;
  /** Sessions so far. */
  #begun = 0;
  /** Messages that are due, with the fraction of the next. */
  #due = 0;
  #stopping = false;
  #ended: EndedSession[] = [];
  #ticker: NodeJS.Timeout | undefined;

  /** @param failed a connection could not be made, or broke */
  constructor(plan: ChurnPlan, failed: (reason: string) => void) {
    this.#plan = plan;
    this.#failed = failed;
    this.#slots = Array.from({ length: plan.sessions }, () => this.#newSlot());
  }

  start(): void {
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** From now on nobody joins, and every member leaves when everything it sent was acknowledged. */
  stop(): void {
    this.#stopping = true;
  }

  /** Whether every member has left. */
  get isOver(): boolean {
    return this.#stopping && this.#slots.every(({ present, leaving }) => present.size + leaving.size === 0);
  }

  end(): void {
    clearInterval(this.#ticker);
  }

  report(): ChurnReport {
    const ended = this.#ended;
    this.#ended = [];
    const connected = this.#slots.reduce((sum, { present, leaving }) => sum + present.size + leaving.size, 0);
    return { connected, joined: this.#joined, sent: this.#sent, ended };
  }

  #newSlot(): Slot {
    this.#begun += 1;
    const lifeMs = this.#plan.sessionSeconds * 1_000 * (0.5 + Math.random());
    return {
      session: `${this.#plan.name}-${this.#begun}`,
      endsAtMs: performance.now() + lifeMs,
      present: new Set(),
      leaving: new Set(),
      reports: [],
    };
  }

  #tick(): void {
    for (const [index, slot] of this.#slots.entries()) {
      const over = this.#stopping || performance.now() > slot.endsAtMs;
      if (!over) this.#fill(slot);
      this.#empty(slot, over);
      if (over && slot.present.size + slot.leaving.size === 0) {
        if (slot.reports.length > 0) this.#ended.push({ session: slot.session, members: slot.reports });
        this.#slots[index] = this.#newSlot();
      }
    }
    if (!this.#stopping) this.#chat();
  }

  #fill({ session, present }: Slot): void {
    const { members, memberSeconds, adapter, host, port } = this.#plan;
    for (let place = present.size; place < members; place++) {
      if (!happens(memberSeconds * EMPTY_SHARE)) continue;
      const number = this.#joined;
      this.#joined += 1;
      const plan = { number, session, host, port, localAddress: localAddressOf(number % 10_000) };
      const context = {
        adapter,
        ready: () => undefined,
        failed: this.#failed,
        cameBack: () => undefined,
        delivered: 0,
        acknowledged: 0,
        sent: 0,
      };
      present.add(new ReturningMember(plan, context, this.#returns));
    }
  }

  /** Lets members leave: each by chance, or all of them. */
  #empty({ present, leaving, reports }: Slot, all: boolean): void {
    for (const member of present) {
      if (!member.isIn || (!all && !happens(this.#plan.memberSeconds))) continue;
      present.delete(member);
      leaving.add(member);
    }
    for (const member of leaving) {
      if (!member.isSettled) continue;
      leaving.delete(member);
      member.end();
      const { number, sent, acknowledged, received, problem } = member;
      reports.push({ number, sent, acknowledged, received, partly: true, ...(problem !== undefined && { problem }) });
    }
  }

  #chat(): void {
    const members = this.#slots.flatMap(({ present }) => [...present].filter(({ isIn }) => isIn));
    this.#due += (this.#plan.perSecond * TICK_MS) / 1_000;
    for (; this.#due >= 1; this.#due--) {
      const member = members[Math.floor(Math.random() * members.length)];
      if (!member) continue;
      member.send(nowUs());
      this.#sent += 1;
    }
  }
}

/** Whether an event that happens once in so many seconds on average happens in this tick. */
function happens(everySeconds: number): boolean {
  return Math.random() < TICK_MS / 1_000 / everySeconds;
}
