import { parentPort, workerData } from 'node:worker_threads';
import { nowUs } from './content.js';

/** Beginning and period of the ticks, in microseconds of {@link nowUs}. */
export interface Pace {
  readonly startUs: number;
  readonly periodUs: number;
}

/**
 * A thread that posts the time of every tick when it comes. Timers of the event loop are late by a millisecond or two,
 * which is as long as the latencies to be measured. A wait on a futex is late by some ten microseconds.
 */
const { startUs, periodUs } = workerData as Pace;
const cell = new Int32Array(new SharedArrayBuffer(4));
for (let tick = 0; ; tick++) {
  const dueUs = startUs + tick * periodUs;
  const waitMs = (dueUs - nowUs()) / 1_000;
  if (waitMs > 0) Atomics.wait(cell, 0, 0, waitMs);
  parentPort?.postMessage(dueUs);
}
