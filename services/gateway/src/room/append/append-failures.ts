import { type AppendResult, OutcomeUnknownError, StorageUnavailableError } from '@holdfast/session-store';
import type { Clock } from '../../ports/clock.js';
import { RetryPause } from '../../ports/retry-pause.js';

/** After so many errors in a row that are no outage, a message is given up. */
const ERRORS_MAX = 3;

interface FailuresContext {
  readonly clock: Clock;
  /** From 0 up to 1. */
  random(): number;
}

/** What went wrong in a row with the appends of a session, and how long the next attempt waits for that (A5, G3). */
export class AppendFailures {
  readonly #context: FailuresContext;
  /** Errors in a row that are no outage. */
  #errors = 0;
  #failing: { readonly sinceMs: number; readonly error: unknown } | undefined;
  /** Whether the latest answer was a refusal of which the sync has found no cause. */
  #isUnexplained = false;
  /** Made with the first failure after a success, and with the second refusal in a row without a cause. */
  #pause: RetryPause | undefined;

  constructor(context: FailuresContext) {
    this.#context = context;
  }

  /** Since when appends fail (monotonic ms), and the latest error; `undefined` where none is failing. */
  get failing(): { readonly sinceMs: number; readonly error: unknown } | undefined {
    return this.#failing;
  }

  /** Whether messages go one by one, so that the one that the store fails on is found. */
  get areSuspicious(): boolean {
    return this.#errors > 0;
  }

  /** The store has answered, and may have refused the append for the room's position. */
  answered(outcome: AppendResult['outcome']): void {
    this.#failing = undefined;
    this.#errors = 0;
    if (outcome === 'stored') this.#isUnexplained = false;
    if (!this.#isUnexplained) this.#pause = undefined;
  }

  /** The append failed. @returns whether its messages are given up: the store has failed on them three times */
  failed(error: unknown): 'retry' | 'give up' {
    this.#failing = { sinceMs: this.#failing?.sinceMs ?? this.#context.clock.monotonic(), error };
    const isOutage = error instanceof StorageUnavailableError && !(error instanceof OutcomeUnknownError);
    this.#errors = isOutage ? 0 : this.#errors + 1;
    if (this.#errors < ERRORS_MAX) return 'retry';
    // The messages behind it still go one by one, because the culprit may be one of them.
    this.#errors = 1;
    return 'give up';
  }

  /** Nothing waits any more: what failed was delivered after all, or was given up. */
  forget(): void {
    this.#failing = undefined;
  }

  /** Resolves when the next attempt may be made. @param error why the last one failed */
  pause(error?: unknown): Promise<void> {
    this.#pause ??= new RetryPause(this.#context);
    return this.#pause.wait(error);
  }

  /**
   * The room has synced after a refusal. Where the sync has found no cause, the next append carries the same position, and
   * is tried once more at once. From the second such refusal in a row on, attempts have pauses.
   *
   * @param hasMoved whether the sync has changed the room's position
   * @returns resolves when the next attempt may be made
   */
  async synced(outcome: AppendResult['outcome'], hasMoved: boolean): Promise<void> {
    // What Redis had lost has been put back: the position is as before and fits now (G2).
    const isHealed = outcome === 'gone' || outcome === 'behind';
    const wasUnexplained = this.#isUnexplained;
    this.#isUnexplained = !hasMoved && !isHealed;
    if (this.#isUnexplained && wasUnexplained) await this.pause();
  }

  /** Ends a pause at once. */
  stop(): void {
    this.#pause?.cut();
  }
}
