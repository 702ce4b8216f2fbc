import type { Adapter } from './adapter.js';
import type { LoadProcess } from './load-process.js';
import type { MemberPlan } from './worker/load-member.js';

const CONNECTS_PER_SECOND = 2_000;

/**
 * Connects members at a steady rate, each from the process that it belongs to.
 *
 * @param processOf the place of a member's process; by default they take turns
 */
export async function connectMembers<Plan extends MemberPlan>(
  workers: readonly LoadProcess[],
  adapter: Adapter,
  plans: readonly Plan[],
  processOf: (plan: Plan) => number = ({ number }) => number % workers.length,
): Promise<void> {
  const perSecond = CONNECTS_PER_SECOND / workers.length;
  await Promise.all(
    workers.map((worker, index) => {
      const members = plans.filter((plan) => processOf(plan) === index);
      return worker.connect({ adapter, members, perSecond });
    }),
  );
}
