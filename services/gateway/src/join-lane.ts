/**
 * Joins at work at once. Each asks Redis two or three times: so many take it, and this process, a few milliseconds, and
 * whatever comes meanwhile from members that are in waits no longer than that.
 */
const AT_WORK_MAX = 200;

/** Runs joins a limited number at a time, those of members that come back before others (B5), each kind in its order. */
export class JoinLane<Joiner> {
  readonly #join: (joiner: Joiner) => Promise<void>;
  readonly #returning = new Set<Joiner>();
  readonly #others = new Set<Joiner>();
  #atWork = 0;

  /** @param join lets one in; never rejects */
  constructor(join: (joiner: Joiner) => Promise<void>) {
    this.#join = join;
  }

  add(joiner: Joiner, isReturning: boolean): void {
    if (this.#atWork < AT_WORK_MAX) void this.#run(joiner);
    else if (isReturning) this.#returning.add(joiner);
    else this.#others.add(joiner);
  }

  /** It has left. @returns whether it was still waiting: then its join will not be run */
  remove(joiner: Joiner): boolean {
    return this.#returning.delete(joiner) || this.#others.delete(joiner);
  }

  async #run(joiner: Joiner): Promise<void> {
    this.#atWork += 1;
    await this.#join(joiner);
    this.#atWork -= 1;
    const [next] = this.#returning.size > 0 ? this.#returning : this.#others;
    if (next === undefined || !this.remove(next)) return;
    void this.#run(next);
  }
}
