/**
 * Joins at work at once. Each asks Redis two or three times: so many take it, and this process, some milliseconds, and
 * whatever comes meanwhile from members that are in waits no longer than that.
 */
const AT_WORK_MAX = 200;

/** Somebody who joins a session. */
export interface Joiner {
  readonly sessionId: string;
  readonly isReturning: boolean;
}

/**
 * Runs joins a limited number at a time: those of members that come back before others (B5), each kind in its order,
 * and all of one session together, because together they ask Redis once.
 */
export class JoinQueue<One extends Joiner> {
  readonly #join: (joiner: One) => Promise<void>;
  readonly #returning = new Groups<One>();
  readonly #others = new Groups<One>();
  #atWork = 0;

  /** @param join lets one in; never rejects */
  constructor(join: (joiner: One) => Promise<void>) {
    this.#join = join;
  }

  add(joiner: One): void {
    if (this.#atWork < AT_WORK_MAX) void this.#run(joiner);
    else this.#groupsOf(joiner).add(joiner);
  }

  /** It has left. @returns whether it was still waiting: then its join will not be run */
  remove(joiner: One): boolean {
    return this.#groupsOf(joiner).remove(joiner);
  }

  #groupsOf({ isReturning }: Joiner): Groups<One> {
    return isReturning ? this.#returning : this.#others;
  }

  async #run(joiner: One): Promise<void> {
    this.#atWork += 1;
    await this.#join(joiner);
    this.#atWork -= 1;
    while (this.#atWork < AT_WORK_MAX) {
      const group = this.#returning.take() ?? this.#others.take();
      if (!group) return;
      for (const next of group) void this.#run(next);
    }
  }
}

/** Those that wait, by session, in the order in which the first of each came. */
class Groups<One extends Joiner> {
  readonly #bySession = new Map<string, Set<One>>();
  /** Taken from the front: looking for the first of a map goes over all that were deleted from it. */
  #order: string[] = [];
  #taken = 0;

  add(joiner: One): void {
    const group = this.#bySession.get(joiner.sessionId);
    if (group) group.add(joiner);
    else {
      this.#bySession.set(joiner.sessionId, new Set([joiner]));
      this.#order.push(joiner.sessionId);
    }
  }

  remove(joiner: One): boolean {
    return this.#bySession.get(joiner.sessionId)?.delete(joiner) === true;
  }

  take(): ReadonlySet<One> | undefined {
    while (this.#taken < this.#order.length) {
      const sessionId = this.#order[this.#taken] ?? '';
      this.#taken += 1;
      const group = this.#bySession.get(sessionId);
      this.#bySession.delete(sessionId);
      if (group && group.size > 0) return group;
    }
    this.#order = [];
    this.#taken = 0;
    return undefined;
  }
}
