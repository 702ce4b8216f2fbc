import type { Clock } from '../ports/clock.js';

/** A session's queue that has messages to append. */
export interface ScheduledQueue {
  /** Sends what waits. Called once for each {@link AppendScheduler.add}; never throws. */
  due(): void;
}

/** Turns of the event loop that are waited after the pause, so that sockets which are ready are read first. */
const TURNS_AFTER_PAUSE = 2;

/**
 * Decides when appends are sent: those of all sessions together, so that they share one round trip to Redis (A2).
 *
 * After a millisecond without appends the next ones go at the end of their turn: a single message waits for nothing.
 * Under steady load a round goes once a millisecond. Under heavy load, where turns of the event loop take longer than
 * that, a round goes every third turn: members of one session that are read in neighbouring turns share a call, and
 * they answer together what it delivers to them.
 */
export class AppendScheduler {
  readonly #clock: Clock;
  /** In the order of {@link add}, which is the order they are called in. */
  #waiting: ScheduledQueue[] = [];
  #state: 'idle' | 'scheduled' = 'idle';

  /** @param intervalMs least time between two rounds, milliseconds */
  constructor(
    clock: Clock,
    readonly intervalMs = 1,
  ) {
    this.#clock = clock;
  }

  /** The queue is called at the end of this turn, or with the next round. */
  add(queue: ScheduledQueue): void {
    this.#waiting.push(queue);
    if (this.#state !== 'idle') return;
    this.#state = 'scheduled';
    this.#clock.defer(() => this.#send());
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const queue of waiting) queue.due();
    this.#clock.setTimeout(() => this.#afterTurns(TURNS_AFTER_PAUSE), this.intervalMs);
  }

  #afterTurns(turns: number): void {
    if (turns > 0) this.#clock.defer(() => this.#afterTurns(turns - 1));
    else if (this.#waiting.length > 0) this.#send();
    else this.#state = 'idle';
  }
}
