/**
 * Calls that several callers share. One call of a kind runs at a time, and everybody who asks meanwhile shares the next
 * one: so each caller is answered by a call that began after the caller had asked.
 */
export class SharedCalls<Result> {
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #next = new Map<string, Promise<Result>>();

  /**
   * @param call makes the call; used only where no call of the kind is waiting already
   * @returns the call's result, and whether somebody else had asked for that call before
   */
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

  /** Whether no call is running or waiting. */
  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  #settled(kind: string, which: Promise<void>): void {
    if (this.#running.get(kind) === which) this.#running.delete(kind);
  }
}
