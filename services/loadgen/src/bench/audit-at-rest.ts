import { setTimeout as delay } from 'node:timers/promises';
import { auditHistories, type BenchAudit } from './audit-histories.js';
import type { LoadProcess } from './load-process.js';
import type { Running } from './targets.js';
import type { MemberPlan } from './worker/load-member.js';

const AUDIT_TRIES = 10;
const AUDIT_PAUSE_MS = 2_000;

/**
 * Ends the load and audits it. A busy machine may still be delivering: what is missing is looked for again before it
 * counts.
 */
export async function auditAtRest(
  workers: readonly LoadProcess[],
  { history, adapter }: Running,
  plans: readonly MemberPlan[],
): Promise<BenchAudit | undefined> {
  for (let attempt = 1; ; attempt++) {
    const reports = (await Promise.all(workers.map((worker) => worker.stop()))).flat();
    const audit = await auditHistories(history, plans, reports, adapter);
    if (!audit || audit.violations.length === 0 || attempt === AUDIT_TRIES) return audit;
    await delay(AUDIT_PAUSE_MS);
  }
}
