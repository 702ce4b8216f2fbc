import type { Finding } from './audit.js';
import type { Tally } from './tally.js';

/** Name of the queue that all sweepers share. */
export const AUDIT_QUEUE = 'audits';

/**
 * Told a sweeper of an earlier version to begin a round. Those versions left a schedule of BullMQ in Redis that adds
 * these jobs for ever; a sweeper that meets one removes the schedule.
 */
export interface StartJob {
  readonly kind: 'start';
  readonly audit: string;
}

/** One audit of all keys: hands out one part per master, waits for the parts, and reports. */
export interface RoundJob {
  readonly kind: 'round';
  readonly audit: string;
  /** Present once the parts are handed out. `startedAt` in Unix milliseconds by Redis' clock. */
  readonly planned?: { readonly startedAt: number; readonly masters: readonly string[] };
}

/** One audit of one master. Whichever sweeper takes the job next goes on from this data alone. */
export interface PartJob {
  readonly kind: 'part';
  readonly audit: string;
  readonly master: string;
  /** Where SCAN goes on. The tally holds everything before it. */
  readonly cursor: string;
  readonly tally: Tally;
  /**
   * Findings whose repair began after this was written. They are not in the tally, whether the repair was done or not.
   */
  readonly inDoubt: readonly Finding[];
}

export type AuditJob = StartJob | RoundJob | PartJob;

/** How often a job is tried before it has failed for good. */
const ATTEMPTS = 20;
const RETRY_MS_MAX = 3_000;
/** Longest time that any job waits in the queue, by the clock of the sweeper that hands it back. */
export const DELAY_MS_MAX = RETRY_MS_MAX;

/**
 * Options of every job. The last finished jobs are kept for operators to look at. BullMQ's keys have no expiry, so
 * their number is bounded instead (K5). While a master is away, its part is tried again for one interval, at most a
 * minute; then the round reports without it.
 */
export function jobOptions(intervalSeconds: number) {
  return {
    removeOnComplete: { count: 50 },
    removeOnFail: { count: 50 },
    attempts: ATTEMPTS,
    backoff: { type: 'fixed', delay: Math.min(RETRY_MS_MAX, (intervalSeconds * 1_000) / ATTEMPTS) },
  };
}

/** Most events that are kept for programs that watch the queue. */
export const QUEUE_EVENTS_MAX = 500;
