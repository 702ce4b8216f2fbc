import type { WaitAside } from '../rooms/history-plan.js';
import { CountBySession } from './count-by-session.js';

/**
 * Joins that run at once. Each asks Redis two or three times, so that this many keep Redis and this process busy for
 * some milliseconds; messages of members that are in wait no longer than that.
 */
const RUNNING_MAX = 200;
/** Joins of one session that run at once: the other half of the places is for others. */
const RUNNING_PER_SESSION_MAX = 100;
/** Joins that a session starts in its turn, also beyond the limit, because together they ask Redis once. */
const TURN_MAX = 50;
/** Every fourth turn goes to those that come last otherwise. */
const LAST_FIRST_EVERY = 4;
/** Joins that wait aside at once. Whoever comes then is not waited for. */
const ASIDE_MAX = 2_000;
/** From this many on, the rest is kept for sessions of which fewer than {@link ASIDE_PER_SESSION_MAX} wait. */
const ASIDE_CROWDED = 1_500;
const ASIDE_PER_SESSION_MAX = 200;

/** A join that can wait: somebody wants to enter a session. */
export interface QueuedJoin {
  readonly sessionId: string;
  /** Whether it resumes a session it was in before. */
  readonly isReturning: boolean;
}

/** A join that has waited aside, and goes on when it has a place. */
interface GoingOn {
  readonly sessionId: string;
  goOn(): void;
}

/**
 * Runs joins, a limited number at a time (B5). Joins that have waited aside come first, then those of returning members,
 * then those of new ones; every fourth turn goes the other way round, so that nobody is kept out by those before. In
 * each kind sessions take turns, and one session never has more than half of the places: a session that thousands join
 * keeps nobody waiting who joins another one.
 */
export class JoinQueue<Join extends QueuedJoin> {
  readonly #run: (join: Join, aside: WaitAside) => Promise<void>;
  readonly #goingOn = new WaitingBySession<GoingOn>();
  readonly #returning = new WaitingBySession<Join>();
  readonly #others = new WaitingBySession<Join>();
  readonly #running = new CountBySession();
  /** Joins that wait for something else than Redis, without a place among those that run. */
  readonly #aside = new CountBySession();
  #turns = 0;

  /** @param run runs one join, and waits aside where it waits for something else than Redis; never rejects */
  constructor(run: (join: Join, aside: WaitAside) => Promise<void>) {
    this.#run = run;
  }

  /** Runs the join at once where the limits allow it, else when its turn comes. */
  add(join: Join): void {
    if (this.#hasPlace(join.sessionId)) void this.#start(join);
    else this.#waiting(join).add(join);
  }

  /** Gives a join up. @returns whether it was still waiting: then it will not be run */
  remove(join: Join): boolean {
    return this.#waiting(join).remove(join);
  }

  #waiting({ isReturning }: QueuedJoin): WaitingBySession<Join> {
    return isReturning ? this.#returning : this.#others;
  }

  #hasPlace(sessionId: string): boolean {
    return this.#running.all < RUNNING_MAX && !this.#isFull(sessionId);
  }

  readonly #isFull = (sessionId: string): boolean => this.#running.of(sessionId) >= RUNNING_PER_SESSION_MAX;

  async #start(join: Join): Promise<void> {
    const { sessionId } = join;
    this.#running.add(sessionId);
    await this.#run(join, (wait) => this.#waitAside(sessionId, wait));
    this.#finished(sessionId);
  }

  /** One place is free. */
  #finished(sessionId: string): void {
    this.#running.remove(sessionId);
    while (this.#running.all < RUNNING_MAX && this.#takeTurn());
  }

  /** One session starts what waits of it. @returns false when none waits that may start */
  #takeTurn(): boolean {
    this.#turns += 1;
    const goOn = (): boolean => this.#startTurn(this.#goingOn, ({ goOn }) => goOn());
    const comeBack = (): boolean => this.#startTurn(this.#returning, (join) => void this.#start(join));
    const come = (): boolean => this.#startTurn(this.#others, (join) => void this.#start(join));
    if (this.#turns % LAST_FIRST_EVERY === 0) return come() || comeBack() || goOn();
    return goOn() || comeBack() || come();
  }

  #startTurn<Waiting extends { readonly sessionId: string }>(
    kind: WaitingBySession<Waiting>,
    start: (waiting: Waiting) => void,
  ): boolean {
    const turn = kind.takeTurn(TURN_MAX, this.#isFull);
    for (const waiting of turn) start(waiting);
    return turn.length > 0;
  }

  /** The join gives its place to another one while it waits, and takes one again before it goes on. */
  async #waitAside(sessionId: string, wait: () => Promise<void>): Promise<void> {
    const { all } = this.#aside;
    if (all >= ASIDE_MAX) return;
    if (all >= ASIDE_CROWDED && this.#aside.of(sessionId) >= ASIDE_PER_SESSION_MAX) return;
    this.#aside.add(sessionId);
    this.#finished(sessionId);
    await wait();
    this.#aside.remove(sessionId);
    if (!this.#hasPlace(sessionId)) {
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          this.#running.add(sessionId);
          resolve();
        };
        this.#goingOn.add({ sessionId, goOn });
      });
    } else this.#running.add(sessionId);
  }
}

/** Places in the order that may belong to nobody any more, beside as many as there are sessions. */
const VACANT_MAX = 1_000;

interface WaitingSession<Waiting> {
  readonly sessionId: string;
  /** Empty: nobody has this place any more. */
  readonly joins: Set<Waiting>;
}

/** Waiting joins by session. Sessions take turns; a session whose last join has gone begins at the end again. */
export class WaitingBySession<Waiting extends { readonly sessionId: string }> {
  readonly #bySession = new Map<string, WaitingSession<Waiting>>();
  /**
   * The sessions in their order, and how many from the front are taken. An array, because finding the first key of a
   * map goes over all keys that were deleted before it.
   */
  #order: WaitingSession<Waiting>[] = [];
  #taken = 0;

  /** Places in the order, those included that nobody waits at. */
  get places(): number {
    return this.#order.length;
  }

  add(join: Waiting): void {
    const session = this.#bySession.get(join.sessionId);
    if (session) session.joins.add(join);
    else {
      const added = { sessionId: join.sessionId, joins: new Set([join]) };
      this.#bySession.set(join.sessionId, added);
      this.#order.push(added);
    }
  }

  remove(join: Waiting): boolean {
    const session = this.#bySession.get(join.sessionId);
    if (!session?.joins.delete(join)) return false;
    if (session.joins.size === 0) this.#bySession.delete(join.sessionId);
    this.#tidy();
    return true;
  }

  /**
   * Takes out the joins of the first session, in their order; what is left of them waits for the session's next turn.
   *
   * @param most how many
   * @param isFull whether a session has no place: then it misses its turn
   * @returns none when nobody waits that has a place
   */
  takeTurn(most: number, isFull: (sessionId: string) => boolean): readonly Waiting[] {
    const turn: Waiting[] = [];
    for (let places = this.#order.length - this.#taken; places > 0 && turn.length === 0; places--) {
      const session = this.#order[this.#taken];
      this.#taken += 1;
      if (!session || session.joins.size === 0) continue;
      const { sessionId, joins } = session;
      if (!isFull(sessionId)) {
        for (const join of joins) {
          if (turn.length === most) break;
          turn.push(join);
          joins.delete(join);
        }
      }
      if (joins.size > 0) this.#order.push(session);
      else this.#bySession.delete(sessionId);
    }
    this.#tidy();
    return turn;
  }

  /** Makes the order anew when most of its places are vacant. */
  #tidy(): void {
    if (this.#bySession.size > 0 && this.#order.length <= 2 * this.#bySession.size + VACANT_MAX) return;
    this.#order = this.#order.slice(this.#taken).filter(({ joins }) => joins.size > 0);
    this.#taken = 0;
  }
}
