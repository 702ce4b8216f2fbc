/** One fault of one session. */
export interface Finding {
  /** One of {@link Audit.faults}. */
  readonly fault: string;
  readonly sessionId: string;
  /** Whether the repair is certain and due. */
  readonly repairable: boolean;
  /** Figures that explain the fault, for the log and the report. */
  readonly detail: Readonly<Record<string, number>>;
}

/** What an audit found in some keys. */
export interface Inspection {
  /** Number of keys that the audit checks, by kind. */
  readonly looked: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

/**
 * One audit of the sessions in Redis (W1–W3). It sees the keys of every master in batches, each key at least once: SCAN
 * may show a key twice while a table grows. Both methods reject when Redis does not answer, and are then called again
 * for the same keys.
 */
export interface Audit {
  /** Names the audit's jobs, metrics and part of the report. Lower case letters. */
  readonly name: string;
  /** Every fault that the audit can find, so that all metrics exist from the start. */
  readonly faults: readonly string[];
  /** Checks some keys and repairs nothing. */
  inspect(keys: readonly string[]): Promise<Inspection>;
  /**
   * Repairs a finding atomically, if the fault still exists.
   *
   * @returns false when there was nothing to repair any more
   */
  repair(finding: Finding): Promise<boolean>;
}
