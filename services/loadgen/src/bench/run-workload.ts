import type { FiguresRun } from './figures.js';
import { runChurn } from './run-churn.js';
import { runIdle } from './run-idle.js';
import { type RunOptions, type RunResult, runMessages } from './run-messages.js';
import { runReconnect } from './run-reconnect.js';
import type { TargetName } from './targets.js';
import type { Workload } from './workloads.js';

/** What is measured depends on the kind of workload. */
export type Run = RunResult | FiguresRun;

export interface WorkloadOptions extends RunOptions {
  /** How long `churn` takes. */
  readonly minutes: number;
}

/** Starts a target, runs a workload against it, audits it, and ends it. */
export function runWorkload(workload: Workload, target: TargetName, options: WorkloadOptions): Promise<Run> {
  switch (workload.kind) {
    case 'messages':
      return runMessages(workload, target, options);
    case 'idle':
      return runIdle(workload, target, options);
    case 'reconnect':
      return runReconnect(workload, target, options);
    case 'churn':
      return runChurn(workload, target, options);
  }
}

export function hasFigures(run: Run): run is FiguresRun {
  return 'figures' in run;
}
