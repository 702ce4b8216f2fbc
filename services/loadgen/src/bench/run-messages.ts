import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Histogram } from '../histogram.js';
import { auditAtRest, type BenchAudit } from './audit-histories.js';
import { connectMembers, type LoadProcess, startLoadProcesses } from './load-process.js';
import { type Running, TARGETS, type TargetName, type TargetOptions } from './targets.js';
import { localAddressOf, type MemberPlan } from './worker/member.js';
import type { Load } from './worker/messages.js';
import type { MessagesWorkload } from './workloads.js';

export interface RunOptions extends TargetOptions {
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** The result of one run of a workload of messages against one target. */
export interface RunResult {
  readonly deliveriesPerSecond: number;
  readonly messagesPerSecond: number;
  /** CPU of all processes of the target per delivered message, microseconds. */
  readonly cpuUsPerDelivery: number;
  /** The same of each process, by its name. */
  readonly cpuUsOf: Readonly<Record<string, number>>;
  /** From the time when a message was due to its delivery, milliseconds. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  readonly residentBytesOf: Readonly<Record<string, number>>;
  /** Absent when the target stores nothing. */
  readonly audit?: BenchAudit;
}

const SETTLE_MS = 500;

/** Starts a target, loads it, measures it, audits it, and ends it. */
export async function runMessages(
  workload: MessagesWorkload,
  target: TargetName,
  options: RunOptions,
): Promise<RunResult> {
  const running = await TARGETS[target](options);
  const workers = startLoadProcesses();
  try {
    const plans = planMembers(workload, running);
    await connectMembers(workers, running.adapter, plans);
    await delay(SETTLE_MS);
    for (const [index, worker] of workers.entries()) {
      worker.tell({ do: 'load', load: loadOf(workload, index, workers.length) });
    }
    await delay(options.warmUpSeconds * 1_000);
    for (const worker of workers) worker.tell({ do: 'clear latencies' });
    const before = await measure(workers, running);
    await delay(options.seconds * 1_000);
    const after = await measure(workers, running);
    const audit = await auditAtRest(workers, running, plans);
    return { ...compare(before, after), ...(audit && { audit }) };
  } finally {
    for (const worker of workers) worker.end();
    await running.stop();
  }
}

/** Members of a session have consecutive numbers. Each of several gateways has some of the members of every session. */
function planMembers({ sessions, members, load }: MessagesWorkload, { ports }: Running): MemberPlan[] {
  const run = randomBytes(4).toString('hex');
  const total = sessions * members;
  const apart = load.kind === 'closed' && load.senders !== 'all' ? Math.floor(total / load.senders) : 1;
  return Array.from({ length: total }, (_, number) => ({
    number,
    session: `bench-${run}-${Math.floor(number / members)}`,
    host: '127.0.0.1',
    port: ports[number % ports.length] ?? 0,
    localAddress: localAddressOf(number),
    reads: number % apart === 0 || number % members === 0,
    checks: number % members === 0,
  }));
}

function loadOf({ sessions, members, load }: MessagesWorkload, index: number, workers: number): Load {
  if (load.kind === 'open') {
    const perSecond = load.perSecond / workers;
    return { kind: 'open', perSecond, offsetUs: (index * 1_000_000) / load.perSecond };
  }
  const total = sessions * members;
  const senders = load.senders === 'all' ? total : load.senders;
  const apart = Math.floor(total / senders);
  const numbers = Array.from({ length: senders }, (_, sender) => sender * apart);
  return { kind: 'closed', senders: numbers.filter((number) => number % workers === index) };
}

type Measured = Awaited<ReturnType<typeof measure>>;

async function measure(workers: readonly LoadProcess[], { processes }: Running) {
  const [loads, usages] = await Promise.all([
    Promise.all(workers.map((worker) => worker.count())),
    Promise.all(processes.map(async (server) => ({ name: server.name, ...(await server.usage()) }))),
  ]);
  return { atMs: performance.now(), loads, usages };
}

function compare(before: Measured, after: Measured): Omit<RunResult, 'audit'> {
  const seconds = (after.atMs - before.atMs) / 1_000;
  const grown = (what: 'delivered' | 'acknowledged'): number =>
    sum(after.loads.map(({ counts }) => counts[what])) - sum(before.loads.map(({ counts }) => counts[what]));
  const delivered = grown('delivered');
  const cpuUsOf: Record<string, number> = {};
  const residentBytesOf: Record<string, number> = {};
  for (const [index, { name, cpuUs, residentBytes }] of after.usages.entries()) {
    cpuUsOf[name] = (cpuUs - (before.usages[index]?.cpuUs ?? 0)) / delivered;
    residentBytesOf[name] = residentBytes;
  }
  const latencies = after.loads.reduce((all, load) => all.add(load.latencies), new Histogram());
  const ms = (share: number): number => latencies.quantile(share) / 1_000;
  return {
    deliveriesPerSecond: delivered / seconds,
    messagesPerSecond: grown('acknowledged') / seconds,
    cpuUsPerDelivery: sum(Object.values(cpuUsOf)),
    cpuUsOf,
    latencyMs: { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99) },
    residentBytesOf,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
