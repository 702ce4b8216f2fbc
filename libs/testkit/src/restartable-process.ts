import type { Child, ChildExit } from './child.js';

/** A process that a test stops and starts again. Every start makes another {@link Child}; the name stays. */
export abstract class RestartableProcess {
  readonly name: string;
  #child: Child | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The process of the last start. @throws Error before the first start */
  get child(): Child {
    if (!this.#child) throw new Error(`${this.name} was never started`);
    return this.#child;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exit === undefined;
  }

  /** Ends it with SIGTERM and waits for its end. @param timeoutMs see {@link Child.stop} */
  stop(timeoutMs?: number): Promise<ChildExit> {
    return this.child.stop('SIGTERM', timeoutMs);
  }

  /** Kills it, as `kill -9` does. */
  kill(): Promise<ChildExit> {
    return this.child.kill();
  }

  /** Halts it with SIGSTOP: its connections stay open, and nothing answers. */
  pause(): void {
    this.child.pause();
  }

  resume(): void {
    this.child.resume();
  }

  /** To be called by every start. */
  protected startedAs(child: Child): void {
    this.#child = child;
  }
}
