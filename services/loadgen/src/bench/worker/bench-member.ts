/** One member of the load, as the process that has it sees it. */
export interface BenchMember {
  readonly number: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  /** The first thing that was wrong with what it got. */
  readonly problem: string | undefined;
  /** Whether its session had messages when it came. */
  readonly joinedLate?: boolean;
  /** @param dueUs when the message is due: what latency is counted from */
  send(dueUs: number): void;
  end(): void;
}
