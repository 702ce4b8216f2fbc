import type { Clock } from '../ports/clock.js';

/** An append has no more than one message beyond this (A2). Bytes. */
export const BATCH_BYTES = 262_144;

/** A session's queue that has messages to append. */
export interface ScheduledQueue {
  /** Bytes of what waits, roughly. */
  readonly dueBytes: number;
  /** Stands for the shard that the session lives on: the same for all of its sessions. */
  readonly shard: object;
  /**
   * Sends what waits, a batch at most. Called once for each {@link AppendScheduler.add}; never throws.
   *
   * @returns whether {@link AppendScheduler.answered} is called later, once it was answered or has failed
   */
  due(): boolean;
}

/** Batches up to here are sent whatever else is on its way. Bytes. */
const SMALL_BYTES = 65_536;
/** Of larger ones, a shard is sent no more while this much is on its way to it. Bytes. */
const LARGE_BYTES = 524_288;

/** The larger batches of one shard. */
interface LargeBatches {
  /** Queues whose batches are on their way, and the bytes of each. */
  readonly sent: Map<ScheduledQueue, number>;
  sentBytes: number;
  /** In the order in which they came. */
  readonly waiting: ScheduledQueue[];
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
 *
 * Sessions with large batches take turns: only so many bytes of theirs are on their way to a shard, and whoever was
 * answered is behind those that wait. So the appends of all others, and their answers, come soon however many sessions
 * send large messages.
 */
export class AppendScheduler {
  readonly #clock: Clock;
  /** In the order of {@link add}, which is the order they are called in. */
  #waiting: ScheduledQueue[] = [];
  #state: 'idle' | 'scheduled' = 'idle';
  /** By shard; those that have none on their way and none waiting are left out. */
  readonly #large = new Map<object, LargeBatches>();

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
    for (const queue of waiting) {
      if (queue.dueBytes <= SMALL_BYTES) queue.due();
      else this.#addLarge(queue);
    }
    this.#clock.setTimeout(() => this.#afterTurns(TURNS_AFTER_PAUSE), this.intervalMs);
  }

  #afterTurns(turns: number): void {
    if (turns > 0) this.#clock.defer(() => this.#afterTurns(turns - 1));
    else if (this.#waiting.length > 0) this.#send();
    else this.#state = 'idle';
  }

  /** What a queue has sent was answered, or has failed. May be called more than once. */
  answered(queue: ScheduledQueue): void {
    if (this.#large.size === 0) return;
    for (const [shard, large] of this.#large) {
      const bytes = large.sent.get(queue);
      if (bytes === undefined) continue;
      large.sent.delete(queue);
      large.sentBytes -= bytes;
      this.#sendLarge(shard, large);
    }
  }

  #addLarge(queue: ScheduledQueue): void {
    const { shard } = queue;
    const large: LargeBatches = this.#large.get(shard) ?? { sent: new Map(), sentBytes: 0, waiting: [] };
    this.#large.set(shard, large);
    large.waiting.push(queue);
    this.#sendLarge(shard, large);
  }

  #sendLarge(shard: object, large: LargeBatches): void {
    while (large.sentBytes < LARGE_BYTES) {
      const queue = large.waiting.shift();
      if (!queue) break;
      const bytes = Math.min(queue.dueBytes, BATCH_BYTES);
      // First, because a queue that finds nothing to send is answered within the call.
      large.sent.set(queue, bytes);
      large.sentBytes += bytes;
      if (!queue.due()) this.answered(queue);
    }
    if (large.sent.size === 0) this.#large.delete(shard);
  }
}
