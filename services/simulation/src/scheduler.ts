/** Something that will happen, unless it is given up before. */
export interface Scheduled {
  readonly atMs: number;
  /** Orders what happens at the same moment. */
  readonly tie: number;
  /** Absent: given up, or over. */
  run: (() => void) | undefined;
}

/** Where virtual time begins, Unix milliseconds. */
export const START_MS = 1_700_000_000_000;
/** Events per turn of the real loop: one immediate each, because promises settle between two immediates. */
const TURN = 128;

/**
 * Virtual time. One event at a time is run, in the order of time, and what is due at the same moment in an order that
 * the seed decides; after each event every promise reaction that is ready runs. So a run depends on its seed alone.
 */
export class Scheduler {
  readonly #random: () => number;
  readonly #heap: Scheduled[] = [];
  #nowMs = 0;
  #events = 0;
  #end: (() => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;

  /** @param random from 0 up to 1; orders what is due together */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  /** @param ms from now; what is negative counts as 0 */
  after(ms: number, run: () => void): Scheduled {
    const scheduled = { atMs: this.#nowMs + Math.max(0, ms), tie: this.#random(), run };
    push(this.#heap, scheduled);
    return scheduled;
  }

  /** Runs events until {@link stop}. Rejects with what an event throws, and when there is none left. */
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

  /** No event is run any more. */
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
