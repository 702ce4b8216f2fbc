/** One fault of one session. */
export interface Finding {
  /** One of {@link Audit.faults}. */
  readonly fault: string;
  readonly sessionId: string;
  /** What to do about it is certain, and it is time to do it. */
  readonly repairable: boolean;
  /** Figures that explain it, for the log and the report. */
  readonly detail: Readonly<Record<string, number>>;
}

/** What a look at some keys gave. */
export interface Inspection {
  /** How many of the keys the audit is about, by kind. */
  readonly looked: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

/**
 * One audit of the sessions in Redis (W1–W3). It sees the keys of every master in batches, each key at least once;
 * while a table grows SCAN may show a key twice. Both methods reject when Redis does not answer; they are then called
 * again for the same keys.
 */
export interface Audit {
  /** Names its jobs, metrics and the part of the report; lower case letters. */
  readonly name: string;
  /** Every fault it can find, so that its metrics exist from the start. */
  readonly faults: readonly string[];
  /** Looks at some keys and repairs nothing. */
  inspect(keys: readonly string[]): Promise<Inspection>;
  /**
   * Repairs a finding if it still is one, atomically.
   *
   * @returns false when there was nothing to repair any more
   */
  repair(finding: Finding): Promise<boolean>;
}
