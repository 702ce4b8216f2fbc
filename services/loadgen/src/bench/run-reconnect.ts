import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Histogram } from '../histogram.js';
import { auditAtRest } from './audit-histories.js';
import { connectMembers, LoadProcess, startLoadProcesses } from './load-process.js';
import type { Figure, FiguresRun } from './report.js';
import type { RunOptions } from './run-messages.js';
import type { ServerProcess } from './server-process.js';
import { type Running, TARGETS, type TargetName } from './targets.js';
import { nowUs } from './worker/content.js';
import { localAddressOf, type MemberPlan } from './worker/member.js';
import { type ReturnsReport, sumReturns } from './worker/returns.js';
import type { ReconnectWorkload } from './workloads.js';

const POLL_MS = 100;
/** Members that are not back after this long count as lost. */
const GIVE_UP_MS = 60_000;
/** Longest time until every member is back. */
const RESUMED_MAX_S = 10;
/** Greatest rise of the p99 that the members on the surviving gateway may feel. */
const RISE_MAX_MS = 250;

/**
 * Kills the first of two gateways while all members chat. Its members resume at the second gateway, all at once and
 * without jitter, while that gateway's own members go on chatting at a fixed rate.
 */
export async function runReconnect(
  workload: ReconnectWorkload,
  target: TargetName,
  options: RunOptions,
): Promise<FiguresRun> {
  const running = await TARGETS[target](options);
  const movers = startLoadProcesses();
  // The members that stay have a process of their own. In a process that also reconnects thousands of members, their
  // deliveries would seem late.
  const stayers = new LoadProcess();
  const workers = [stayers, ...movers];
  try {
    const [dying, ...surviving] = gatewaysFirst(running);
    if (!dying) throw new Error(`${target} has no gateway that could die`);
    const plans = planMembers(workload, running);
    const moving = plans.filter(({ returnsTo }) => returnsTo !== undefined);
    await connectMembers(workers, running.adapter, plans, (plan) => processOf(plan, movers.length));
    chat(stayers, workload.staying.perSecond);
    for (const worker of movers) chat(worker, workload.perSecond / movers.length);
    await delay(options.warmUpSeconds * 1_000);
    stayers.tell({ do: 'clear latencies' });
    await delay(options.seconds * 1_000);
    const calm = new Histogram().add((await stayers.count()).latencies);
    stayers.tell({ do: 'clear latencies' });
    const before = await cpuOf(surviving);
    const killedUs = nowUs();
    await dying.kill();
    const returns = await awaitReturns(movers, moving.length);
    const storm = new Histogram().add((await stayers.count()).latencies);
    const after = await cpuOf(surviving);
    const audit = await auditAtRest(workers, running, plans);
    return {
      figures: [
        ...returnedFigures(returns, killedUs, moving.length),
        ...latencyFigures(calm, storm),
        ...surviving.map(({ name }, at) => cpuFigure(name, (after[at] ?? 0) - (before[at] ?? 0))),
      ],
      ...(audit && { audit }),
    };
  } finally {
    for (const worker of workers) worker.end();
    await running.stop();
  }
}

function chat(worker: LoadProcess, perSecond: number): void {
  worker.tell({ do: 'load', load: { kind: 'open', perSecond, offsetUs: 0 } });
}

function gatewaysFirst({ processes }: Running): ServerProcess[] {
  return [...processes].sort((a, b) => Number(b.name === DYING) - Number(a.name === DYING));
}

const DYING = 'gateway-1';

/**
 * Plans the members of both gateways. Members that stay share their sessions with some of the members that move, so that
 * these have missed messages when they resume, in rooms that are live. In the shared sessions only the members that stay
 * send. A sender that is away would delay its messages, and these would be counted as slow deliveries.
 */
export function planMembers(workload: ReconnectWorkload, { ports }: Pick<Running, 'ports'>): MemberPlan[] {
  const { connections, members, staying } = workload;
  const [from = 0, to = 0] = ports;
  const run = randomBytes(4).toString('hex');
  const host = '127.0.0.1';
  const plan = (number: number, session: number) => ({
    number,
    session: `bench-${run}-${session}`,
    host,
    localAddress: localAddressOf(number),
    reads: true,
    checks: true,
  });
  const moving = Array.from({ length: connections }, (_, number): MemberPlan => {
    const session = Math.floor(number / members);
    return { ...plan(number, session), port: from, returnsTo: to, ...(session < staying.sessions && { silent: true }) };
  });
  const stayed = Array.from({ length: staying.sessions * staying.members }, (_, index): MemberPlan => {
    return { ...plan(connections + index, Math.floor(index / staying.members)), port: to };
  });
  return [...moving, ...stayed];
}

/** The first process has the members that stay. */
function processOf({ number, returnsTo }: MemberPlan, movers: number): number {
  return returnsTo === undefined ? 0 : 1 + (number % movers);
}

async function cpuOf(processes: readonly ServerProcess[]): Promise<number[]> {
  return Promise.all(processes.map(async (server) => (await server.usage()).cpuUs));
}

async function awaitReturns(movers: readonly LoadProcess[], wanted: number): Promise<ReturnsReport> {
  const deadline = performance.now() + GIVE_UP_MS;
  for (;;) {
    const returns = sumReturns(await Promise.all(movers.map((worker) => worker.countReturns())));
    if (returns.returned >= wanted || performance.now() > deadline) return returns;
    await delay(POLL_MS);
  }
}

function returnedFigures(report: ReturnsReport, killedUs: number, wanted: number): Figure[] {
  const { returned, lastUs, failed } = report;
  const away = new Histogram().add(report.away);
  const seconds = (us: number): number => us / 1_000_000;
  return [
    { name: 'members that moved', unit: '', value: wanted },
    { name: 'not resumed', unit: '', value: wanted - returned, atMost: 0 },
    { name: 'all resumed after', unit: 's', value: seconds(lastUs - killedUs), atMost: RESUMED_MAX_S },
    { name: 'away, median', unit: 's', value: seconds(away.quantile(0.5)) },
    { name: 'away, p99', unit: 's', value: seconds(away.quantile(0.99)) },
    ...Object.entries(failed).map(([reason, value]) => ({ name: `attempts: ${reason}`, unit: '', value })),
  ];
}

/** Delivery latencies of the members that stayed, before and after the other gateway died. */
function latencyFigures(calm: Histogram, storm: Histogram): Figure[] {
  const ms = (histogram: Histogram, share: number): number => histogram.quantile(share) / 1_000;
  const rise = ms(storm, 0.99) - ms(calm, 0.99);
  return [
    { name: 'p50 of those that stayed, before', unit: 'ms', value: ms(calm, 0.5) },
    { name: 'p99 before', unit: 'ms', value: ms(calm, 0.99) },
    { name: 'p50 during', unit: 'ms', value: ms(storm, 0.5) },
    { name: 'p99 during', unit: 'ms', value: ms(storm, 0.99) },
    { name: 'slowest during', unit: 'ms', value: ms(storm, 1) },
    { name: 'p99 rose by', unit: 'ms', value: rise, atMost: RISE_MAX_MS },
  ];
}

function cpuFigure(name: string, us: number): Figure {
  return { name: `CPU of ${name}`, unit: 's', value: us / 1_000_000 };
}
