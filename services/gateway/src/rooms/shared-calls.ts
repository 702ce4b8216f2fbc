/**
 * Calls that several may share: one of a kind runs at a time, and whoever asks meanwhile shares the next one. So each
 * is answered by a call that began after it had asked.
 */
export class SharedCalls<Result> {
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #next = new Map<string, Promise<Result>>();

  /** @returns the call's result, and whether somebody else had asked for it already */
  async run(kind: string, call: () => Promise<Result>): Promise<{ result: Result; shared: boolean }> {
    const next = this.#next.get(kind);
    if (next) return { result: await next, shared: true };
    const begun = (this.#running.get(kind) ?? Promise.resolve()).then(() => {
      this.#next.delete(kind);
      return call();
    });
    this.#next.set(kind, begun);
    const settled: Promise<void> = begun.then(
      () => this.#settled(kind, settled),
      () => this.#settled(kind, settled),
    );
    this.#running.set(kind, settled);
    return { result: await begun, shared: false };
  }

  /** Whether no call is under way. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  #settled(kind: string, which: Promise<void>): void {
    if (this.#running.get(kind) === which) this.#running.delete(kind);
  }
}
