import { Worker } from 'node:worker_threads';
import { Histogram } from '../../histogram.js';
import { Churn } from './churn.js';
import { Connector } from './connector.js';
import { nowUs } from './content.js';
import { type CountingContext, CountingMember } from './counting-member.js';
import type { Member, MemberPlan } from './member.js';
import type { FromWorker, Load, MemberReport, ToWorker } from './messages.js';
import type { Pace } from './pacer.js';
import { ReturningMember } from './returning-member.js';
import { Returns } from './returns.js';

/** Shortest time between two ticks of a load at a rate. At higher rates several messages are due at each tick. */
const PERIOD_US = 500;
/** A load is over when nothing was delivered for this long. */
const QUIET_MS = 300;
/** Longest wait for that. */
const STOP_MS = 20_000;

const latencies = new Histogram();
const returns = new Returns();
const members = new Map<number, Member>();
/** The members that send in turn in a load at a rate. */
const ring: Member[] = [];
let context: CountingContext | undefined;
let churn: Churn | undefined;
let stopping = false;
let pacer: Worker | undefined;

function say(message: FromWorker): void {
  // The parent may have ended a moment before this process learns of it.
  if (process.connected) process.send?.(message, () => undefined);
}

function connect({ adapter, members: plans, perSecond }: Extract<ToWorker, { do: 'connect' }>): void {
  const connector = new Connector(plans, perSecond, {
    open: (plan) => {
      if (context) add(plan, context);
    },
    done: () => say({ is: 'connected' }),
  });
  context = {
    adapter,
    latencies,
    timesAll: false,
    delivered: 0,
    acknowledged: 0,
    sent: 0,
    ready: () => connector.opened(),
    failed: (reason) => say({ is: 'failed', reason }),
    cameBack: () => undefined,
  };
  connector.start();
}

function add(plan: MemberPlan, context: CountingContext): void {
  const returning = plan.returnsTo !== undefined;
  const member = returning ? new ReturningMember(plan, context, returns) : new CountingMember(plan, context);
  members.set(plan.number, member);
  if (!plan.silent) ring.push(member);
}

function load(wanted: Load): void {
  if (!context || wanted.kind === 'none') return;
  if (wanted.kind === 'open') return keepRate(wanted, context);
  context.cameBack = (member) => {
    if (!stopping) member.send(nowUs());
  };
  for (const number of wanted.senders) members.get(number)?.send(nowUs());
}

function keepRate({ perSecond, offsetUs }: Extract<Load, { kind: 'open' }>, context: CountingContext): void {
  context.timesAll = true;
  const perTick = Math.max(1, Math.round((perSecond * PERIOD_US) / 1_000_000));
  const periodUs = (perTick * 1_000_000) / perSecond;
  let next = 0;
  pacer = new Worker(new URL('./pacer.js', import.meta.url), {
    workerData: { startUs: nowUs() + 50_000 + offsetUs, periodUs } satisfies Pace,
  });
  pacer.on('message', (dueUs: number) => {
    if (stopping) return;
    for (let at = 0; at < perTick; at++) {
      ring[next]?.send(dueUs);
      next = (next + 1) % ring.length;
    }
  });
}

/** Waits until every sent message has come back and nothing more is delivered. */
async function stop(): Promise<void> {
  stopping = true;
  await pacer?.terminate();
  const deadline = performance.now() + STOP_MS;
  let seen = -1;
  while (context && performance.now() < deadline) {
    const quiet = context.delivered === seen;
    seen = context.delivered;
    if (quiet && context.acknowledged >= context.sent) break;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  say({ is: 'stopped', members: [...members.values()].map(reportOf) });
}

async function endChurn(): Promise<void> {
  churn?.stop();
  while (churn && !churn.isOver) await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  churn?.end();
  say({ is: 'churn ended' });
}

function reportOf({ number, sent, acknowledged, received, joinedLate, problem }: Member): MemberReport {
  const counts = { number, sent, acknowledged, received };
  return { ...counts, ...(joinedLate && { partly: true as const }), ...(problem !== undefined && { problem }) };
}

function count(): void {
  if (!context) return;
  const { sent, acknowledged, delivered } = context;
  say({ is: 'counts', counts: { sent, acknowledged, delivered }, latencies: latencies.snapshot() });
}

process.on('message', (message: ToWorker) => {
  switch (message.do) {
    case 'connect':
      return connect(message);
    case 'load':
      return load(message.load);
    case 'count':
      return count();
    case 'count returns':
      return say({ is: 'returns', report: returns.report() });
    case 'churn':
      churn = new Churn(message.plan, (reason) => say({ is: 'failed', reason }));
      return churn.start();
    case 'report churn':
      return churn && say({ is: 'churned', report: churn.report() });
    case 'end churn':
      return void endChurn();
    case 'clear latencies':
      return latencies.clear();
    case 'stop':
      return void stop();
  }
});
process.once('disconnect', () => process.exit());
