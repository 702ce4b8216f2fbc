import type { Finding } from './audit.js';
import type { Tally } from './tally.js';

/** The queue of all sweepers. */
export const AUDIT_QUEUE = 'audits';
/** One tag, so that all of BullMQ's keys are on one shard of a cluster (K4). */
export const AUDIT_QUEUE_PREFIX = '{bull}';

/** Begins a round unless one is under way; what the schedule runs. */
export interface StartJob {
  readonly kind: 'start';
  readonly audit: string;
}

/** One audit of everything: hands out one part per master, waits for them, and reports. */
export interface RoundJob {
  readonly kind: 'round';
  readonly audit: string;
  /** Present once the parts are handed out. Unix milliseconds. */
  readonly planned?: { readonly startedAt: number; readonly masters: readonly string[] };
}

/** One audit of one master. Its data is all there is to go on from, whoever takes it next. */
export interface PartJob {
  readonly kind: 'part';
  readonly audit: string;
  readonly master: string;
  /** Where SCAN goes on; everything before it is in the tally. */
  readonly cursor: string;
  readonly tally: Tally;
  /** Findings whose repair was begun after this was written: done or not, they are not in the tally yet. */
  readonly inDoubt: readonly Finding[];
}

export type AuditJob = StartJob | RoundJob | PartJob;

/** How often a job is tried before it has failed for good. */
const ATTEMPTS = 20;
const RETRY_MS_MAX = 3_000;

/**
 * Finished jobs are kept to look at, and no longer than that: BullMQ's keys have no expiry, so their number is
 * what bounds them (K5). While a master is away its part is tried again for one interval, at most a minute; then
 * the round reports without it.
 */
export function jobOptions(intervalSeconds: number) {
  return {
    removeOnComplete: { count: 50 },
    removeOnFail: { count: 50 },
    attempts: ATTEMPTS,
    backoff: { type: 'fixed', delay: Math.min(RETRY_MS_MAX, (intervalSeconds * 1_000) / ATTEMPTS) },
  };
}

/** Events kept for whoever watches the queue; nobody has to. */
export const QUEUE_EVENTS_MAX = 500;
