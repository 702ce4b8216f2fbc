import { parentPort, workerData } from 'node:worker_threads';
import { nowUs } from './content.js';

/** What the thread is given. Microseconds of {@link nowUs}. */
export interface Pace {
  readonly startUs: number;
  readonly periodUs: number;
}

/**
 * A thread that says when messages are due: timers of the event loop are good to a millisecond or two, which is what
 * is to be measured; a wait on a futex is good to some ten microseconds.
 */
const { startUs, periodUs } = workerData as Pace;
const cell = new Int32Array(new SharedArrayBuffer(4));
for (let tick = 0; ; tick++) {
  const dueUs = startUs + tick * periodUs;
  const waitMs = (dueUs - nowUs()) / 1_000;
  if (waitMs > 0) Atomics.wait(cell, 0, 0, waitMs);
  parentPort?.postMessage(dueUs);
}
