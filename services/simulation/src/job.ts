/** Seeds for one worker. */
export interface Job {
  readonly from: number;
  readonly count: number;
  /** Name of the rule that is broken; absent: none. */
  readonly mutation?: string;
  /** How many faults each has; absent: drawn by the seed. */
  readonly faults?: number | undefined;
  /** Whether to go on after a violation. */
  readonly stopAtFirst: boolean;
}

export interface Found {
  readonly seed: number;
  readonly rule: string;
  readonly what: string;
}

/** What a worker says: after each job, how far it has got. */
export interface JobResult {
  readonly seeds: number;
  readonly found: readonly Found[];
}
