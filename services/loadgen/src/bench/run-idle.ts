import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { auditAtRest } from './audit-histories.js';
import { connectMembers, startLoadProcesses } from './load-process.js';
import type { FiguresRun } from './report.js';
import { type Running, TARGETS, type TargetName, type TargetOptions } from './targets.js';
import { localAddressOf, type MemberPlan } from './worker/member.js';
import type { IdleWorkload } from './workloads.js';

/** Resident memory a connection may take, by protocol. */
const WANTED_KB = { plain: 1.5, framed: 2.5 } as const;
/** The rest before the last measurement takes a second for every so many connections, so that small runs are short. */
const PER_REST_SECOND = 500;
/**
 * Members that are connected before the first measurement, but at most half of all. What a gateway allocates once, for
 * its first members, would otherwise be counted as part of every connection.
 */
const FIRST = 1_000;
const FIRST_REST_MS = 5_000;
/** Messages that the members send in the end, to show that all of them are still connected. */
const PROOF = { perSecond: 500, seconds: 2 } as const;

/** Connects members that stay silent, and measures how much memory each of them adds to the gateway. */
export async function runIdle(workload: IdleWorkload, target: TargetName, options: TargetOptions): Promise<FiguresRun> {
  const running = await TARGETS[target](options);
  const [firstWorkers, otherWorkers] = [startLoadProcesses(), startLoadProcesses()];
  const workers = [...firstWorkers, ...otherWorkers];
  try {
    const plans = planMembers(workload, running);
    const first = Math.min(FIRST, Math.floor(plans.length / 2 / workload.members) * workload.members);
    await connectMembers(firstWorkers, running.adapter, plans.slice(0, first));
    await delay(FIRST_REST_MS);
    const before = await residentBytes(running);
    const begunAt = performance.now();
    const others = plans.slice(first);
    await connectMembers(otherWorkers, running.adapter, others);
    const openedIn = (performance.now() - begunAt) / 1_000;
    const open = await residentBytes(running);
    await delay(Math.min(workload.restSeconds, others.length / PER_REST_SECOND) * 1_000);
    const rested = await residentBytes(running);
    for (const worker of workers) {
      worker.tell({ do: 'load', load: { kind: 'open', perSecond: PROOF.perSecond / workers.length, offsetUs: 0 } });
    }
    await delay(PROOF.seconds * 1_000);
    const audit = await auditAtRest(workers, running, plans);
    const kilobytes = (bytes: number): number => bytes / others.length / 1_024;
    const atMost = WANTED_KB[running.adapter.subprotocol === undefined ? 'plain' : 'framed'];
    return {
      figures: [
        { name: 'connections', unit: '', value: plans.length },
        { name: 'opened in', unit: 's', value: openedIn },
        { name: 'resident before', unit: 'MB', value: before / 1_048_576 },
        { name: 'resident a connection, just opened', unit: 'KB', value: kilobytes(open - before) },
        { name: 'resident a connection, after rest', unit: 'KB', value: kilobytes(rested - before), atMost },
      ],
      ...(audit && { audit }),
    };
  } finally {
    for (const worker of workers) worker.end();
    await running.stop();
  }
}

function planMembers({ connections, members }: IdleWorkload, { ports }: Running): MemberPlan[] {
  const run = randomBytes(4).toString('hex');
  return Array.from({ length: connections }, (_, number) => ({
    number,
    session: `bench-${run}-${Math.floor(number / members)}`,
    host: '127.0.0.1',
    port: ports[0] ?? 0,
    localAddress: localAddressOf(number),
    reads: true,
    checks: number % members === 0,
  }));
}

async function residentBytes({ processes }: Running): Promise<number> {
  const gateway = processes.find(({ name }) => name.startsWith('gateway'));
  return gateway ? (await gateway.usage()).residentBytes : 0;
}
