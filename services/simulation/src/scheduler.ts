/** An event that will happen, unless it is cancelled. */
export interface Scheduled {
  readonly atMs: number;
  /** Orders events of the same time. */
  readonly tie: number;
  /** Absent: the event was cancelled, or has happened. */
  run: (() => void) | undefined;
}

/** Beginning of virtual time, in Unix milliseconds. */
export const START_MS = 1_700_000_000_000;
/** How many events run in a turn of the real event loop. Each is an immediate, because promises settle in between. */
const TURN = 128;

/**
 * Virtual time. Events run one at a time, in the order of their time. The seed decides the order of events with the
 * same time. After each event all promise reactions that are ready run. A run therefore depends only on its seed.
 */
export class Scheduler {
  readonly #random: () => number;
  readonly #heap: Scheduled[] = [];
  #nowMs = 0;
  #events = 0;
  #end: (() => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;

  /** @param random from 0 up to 1; orders events of the same time */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have run. */
  get events(): number {
    return this.#events;
  }

  /** Schedules an event. @param ms milliseconds from now; a negative number counts as 0 */
  after(ms: number, run: () => void): Scheduled {
    const scheduled = { atMs: this.#nowMs + Math.max(0, ms), tie: this.#random(), run };
    push(this.#heap, scheduled);
    return scheduled;
  }

  /** Runs events until {@link stop}. Rejects when an event throws, and when there is no event left. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#failed = reject;
      const step = () => this.#step();
      const turn = () => {
        if (!this.#end) return;
        for (let i = 0; i < TURN; i++) setImmediate(step);
        setImmediate(turn);
      };
      turn();
    });
  }

  /** Ends the run: no other event runs. */
  stop(): void {
    this.#end?.();
    this.#end = undefined;
  }

  #step(): void {
    if (!this.#end) return;
    try {
      let next = pop(this.#heap);
      while (next && !next.run) next = pop(this.#heap);
      if (!next) throw new Error('nothing is left to happen');
      this.#nowMs = next.atMs;
      this.#events += 1;
      const { run } = next;
      next.run = undefined;
      run?.();
    } catch (error) {
      this.#end = undefined;
      this.#failed?.(error);
    }
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}

function push(heap: Scheduled[], added: Scheduled): void {
  let at = heap.length;
  heap.push(added);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Scheduled;
    if (!isBefore(added, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = added;
}

function pop(heap: Scheduled[]): Scheduled | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!first || !last || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const smaller = right < heap.length && isBefore(heap[right] as Scheduled, heap[left] as Scheduled) ? right : left;
    const child = heap[smaller] as Scheduled;
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = smaller;
  }
  heap[at] = last;
  return first;
}
