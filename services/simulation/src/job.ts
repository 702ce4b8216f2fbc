import type { Scenario } from './variety.js';

/** Seeds for a worker to run. */
export interface Job {
  readonly from: number;
  readonly count: number;
  /** Name of the mutation. Absent: none. */
  readonly mutation?: string;
  /** How many faults each seed has. Absent: each seed draws it. */
  readonly faults?: number | undefined;
  /** Absent: the latest. */
  readonly scenario?: Scenario | undefined;
  /** Whether to stop after the first violation. */
  readonly stopAtFirst: boolean;
}

export interface Found {
  readonly seed: number;
  readonly rule: string;
  readonly what: string;
}

/** The result of a job. */
export interface JobResult {
  readonly seeds: number;
  readonly found: readonly Found[];
}
