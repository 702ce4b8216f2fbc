import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { auditAtRest } from './audit-at-rest.js';
import { connectMembers } from './connect-members.js';
import type { Figure, FiguresRun } from './figures.js';
import { LoadProcess } from './load-process.js';
import type { RunOptions } from './run-messages.js';
import type { ServerProcess } from './server-process.js';
import { type Running, TARGETS, type TargetName } from './targets.js';
import { nowUs } from './worker/content.js';
import { Histogram } from './worker/histogram.js';
import type { MemberPlan } from './worker/load-member.js';
import { localAddressOf } from './worker/local-address.js';
import { type ReturnsReport, sumReturns } from './worker/returns.js';
import type { ReconnectWorkload } from './workloads.js';

const POLL_MS = 100;
/** After this long whoever is not back is counted as lost. */
const GIVE_UP_MS = 60_000;
const RESUMED_MAX_S = 10;
const RISE_MAX_MS = 250;

/**
 * Kills the first of two gateways while all chat, and lets its members, all at once and without jitter, go on at the
 * second one, whose own members keep chatting at a fixed rate.
 */
export async function runReconnect(
  workload: ReconnectWorkload,
  target: TargetName,
  options: RunOptions,
): Promise<FiguresRun> {
  const running = await TARGETS[target](options);
  const movers = cpus().map(() => new LoadProcess());
  // A process of its own: what the others' connecting costs the generator is no delay of a delivery.
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
    const calm = new Histogram((await stayers.count()).latencies);
    stayers.tell({ do: 'clear latencies' });
    const before = await cpuOf(surviving);
    const killedUs = nowUs();
    await dying.kill();
    const returns = await awaitReturns(movers, moving.length);
    const storm = new Histogram((await stayers.count()).latencies);
    const after = await cpuOf(surviving);
    const audit = await auditAtRest(workers, running, plans);
    return {
      figures: [
        ...returned(returns, killedUs, moving.length),
        ...felt(calm, storm),
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
 * Members that stay share their sessions with members that move, so that those find messages that they have missed in
 * rooms that are live; there only the former send, so that what is timed was never held back by a sender that was away.
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

/** The first process has those that stay. */
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

function returned({ returned, lastUs, awayUs, failed }: ReturnsReport, killedUs: number, wanted: number): Figure[] {
  const away = new Histogram(awayUs);
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

/** What members that stayed felt: delivery latency from when a message was due. */
function felt(calm: Histogram, storm: Histogram): Figure[] {
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
