import type { WaitAside } from '../rooms/history-plan.js';

/**
 * Joins that run at once. Each asks Redis two or three times, so that this many keep Redis and this process busy for
 * some milliseconds; messages of members that are in wait no longer than that.
 */
const RUNNING_MAX = 200;
/** Joins that wait aside at once. Whoever comes then is not waited for. */
const ASIDE_MAX = 2_000;

/** A join that can wait: somebody wants to enter a session. */
export interface QueuedJoin {
  readonly sessionId: string;
  /** Whether it resumes a session it was in before. */
  readonly isReturning: boolean;
}

/**
 * Runs joins, a limited number at a time. Returning members go before new ones (B5), and each kind keeps its order. All
 * waiting joins of one session start together, also beyond the limit, because together they ask Redis once.
 */
export class JoinQueue<Join extends QueuedJoin> {
  readonly #run: (join: Join, aside: WaitAside) => Promise<void>;
  readonly #returning = new WaitingBySession<Join>();
  readonly #others = new WaitingBySession<Join>();
  #running = 0;
  /** Joins that wait for something else than Redis, without a place among those that run. */
  #aside = 0;
  /** Joins that have waited aside and go on next, in their order. */
  readonly #goingOn: (() => void)[] = [];

  /** @param run runs one join, and waits aside where it waits for something else than Redis; never rejects */
  constructor(run: (join: Join, aside: WaitAside) => Promise<void>) {
    this.#run = run;
  }

  /** Runs the join at once where the limit allows it, else when its turn comes. */
  add(join: Join): void {
    if (this.#running < RUNNING_MAX) void this.#start(join);
    else this.#waiting(join).add(join);
  }

  /** Gives a join up. @returns whether it was still waiting: then it will not be run */
  remove(join: Join): boolean {
    return this.#waiting(join).remove(join);
  }

  #waiting({ isReturning }: QueuedJoin): WaitingBySession<Join> {
    return isReturning ? this.#returning : this.#others;
  }

  async #start(join: Join): Promise<void> {
    this.#running += 1;
    await this.#run(join, (wait) => this.#waitAside(wait));
    this.#finished();
  }

  /** One place is free. */
  #finished(): void {
    this.#running -= 1;
    while (this.#running < RUNNING_MAX) {
      const goOn = this.#goingOn.shift();
      if (goOn) {
        this.#running += 1;
        goOn();
        continue;
      }
      const joins = this.#returning.takeSession() ?? this.#others.takeSession();
      if (!joins) return;
      for (const next of joins) void this.#start(next);
    }
  }

  /** The join gives its place to another one while it waits, and takes one again before it goes on. */
  async #waitAside(wait: () => Promise<void>): Promise<void> {
    if (this.#aside >= ASIDE_MAX) return;
    this.#aside += 1;
    this.#finished();
    await wait();
    this.#aside -= 1;
    if (this.#running < RUNNING_MAX) this.#running += 1;
    else await new Promise<void>((resolve) => this.#goingOn.push(resolve));
  }
}

/** Places in the order that may belong to nobody any more, beside as many as there are sessions. */
const VACANT_MAX = 1_000;

/** Waiting joins by session. The session whose first join came first is first. */
export class WaitingBySession<Join extends QueuedJoin> {
  readonly #bySession = new Map<string, Set<Join>>();
  /**
   * The sessions in their order, and how many from the front are taken. An array, because finding the first key of a
   * map goes over all keys that were deleted before it.
   */
  #order: string[] = [];
  #taken = 0;

  /** Places in the order, those included that nobody waits at. */
  get places(): number {
    return this.#order.length;
  }

  add(join: Join): void {
    const joins = this.#bySession.get(join.sessionId);
    if (joins) joins.add(join);
    else {
      this.#bySession.set(join.sessionId, new Set([join]));
      this.#order.push(join.sessionId);
    }
  }

  remove(join: Join): boolean {
    const joins = this.#bySession.get(join.sessionId);
    if (!joins?.delete(join)) return false;
    if (joins.size === 0) this.#vacate(join.sessionId);
    return true;
  }

  /** Takes out all joins of the first session. @returns undefined when none wait */
  takeSession(): ReadonlySet<Join> | undefined {
    while (this.#taken < this.#order.length) {
      const sessionId = this.#order[this.#taken] ?? '';
      this.#taken += 1;
      const joins = this.#bySession.get(sessionId);
      this.#vacate(sessionId);
      if (joins) return joins;
    }
    return undefined;
  }

  /** Nobody waits for the session any more. The order is made anew when most of its places are vacant. */
  #vacate(sessionId: string): void {
    this.#bySession.delete(sessionId);
    if (this.#bySession.size > 0 && this.#order.length <= 2 * this.#bySession.size + VACANT_MAX) return;
    this.#order = [...this.#bySession.keys()];
    this.#taken = 0;
  }
}
