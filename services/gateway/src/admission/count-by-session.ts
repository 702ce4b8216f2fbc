/** Counts connections, in all and of each session. */
export class CountBySession {
  readonly #counts = new Map<string, number>();
  readonly #mostOfOne: number;
  #all = 0;
  #fair = 0;

  /** @param mostOfOne what a session adds to {@link fair} at the most */
  constructor(mostOfOne = Number.POSITIVE_INFINITY) {
    this.#mostOfOne = mostOfOne;
  }

  get all(): number {
    return this.#all;
  }

  /** How many there are when of each session only a few count, so that no session makes up most of them. */
  get fair(): number {
    return this.#fair;
  }

  of(sessionId: string): number {
    return this.#counts.get(sessionId) ?? 0;
  }

  add(sessionId: string): void {
    const before = this.of(sessionId);
    this.#counts.set(sessionId, before + 1);
    this.#all += 1;
    if (before < this.#mostOfOne) this.#fair += 1;
  }

  /** Answers one {@link add} of that session. */
  remove(sessionId: string): void {
    const left = this.of(sessionId) - 1;
    if (left > 0) this.#counts.set(sessionId, left);
    else this.#counts.delete(sessionId);
    this.#all -= 1;
    if (left < this.#mostOfOne) this.#fair -= 1;
  }
}
