import type { SeededRandom } from '@holdfast/testkit';
import { CLIENT_FAULTS } from './client-faults.js';
import { deploy } from './deployments.js';
import type { Fault } from './fault.js';
import { GATEWAY_FAULTS } from './gateway-faults.js';
import { LOSS_FAULTS } from './loss-faults.js';
import { type Mutation, SOUND } from './mutation.js';
import { REDIS_FAULTS } from './redis-faults.js';
import { calm } from './settle.js';
import { Trace } from './trace.js';
import { LATEST, type Scenario } from './variety.js';
import type { World } from './world.js';

export interface RunOptions {
  /** Whether to keep a line for everything that happens. */
  readonly trace?: boolean;
  readonly mutation?: Mutation;
  /** How many faults of all kinds there are. Absent: the seed draws it. */
  readonly faults?: number | undefined;
  /** Default: the latest. */
  readonly scenario?: Scenario | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly trace: Trace;
}

/** A run in which a rule was broken. */
export class ViolationError extends Error {
  override readonly name = 'ViolationError';

  constructor(
    readonly seed: number,
    readonly rule: string,
    readonly what: string,
    readonly trace: Trace,
  ) {
    super(`seed ${seed} violates ${rule}: ${what}`);
  }
}

const FAULTS: readonly Fault[] = [...REDIS_FAULTS, ...GATEWAY_FAULTS, ...CLIENT_FAULTS];
const FAULTS_WITH_LOSSES: readonly Fault[] = [...FAULTS, ...LOSS_FAULTS];

/**
 * Runs a seed: members chat while faults happen, the faults end, everything settles, and the audit checks the result.
 *
 * @throws {ViolationError} for the first rule that was broken
 */
export async function runSeed(
  seed: number,
  { trace: isTraced = false, mutation = SOUND, faults, scenario = LATEST }: RunOptions = {},
): Promise<RunResult> {
  const trace = new Trace(isTraced);
  const restore = mutation.patch?.();
  const deployments = deploy(seed, { mutation, trace, faults, scenario });
  const [{ audit, scheduler }] = deployments;
  const rejected = (reason: unknown) => audit.fail('unhandled', String((reason as Error)?.stack ?? reason));
  process.on('unhandledRejection', rejected);
  try {
    for (const world of deployments) scheduleAll(world);
    const [{ plan }] = deployments;
    scheduler.after(plan.busyMs, () => calm(deployments));
    await scheduler.run();
  } catch (error) {
    audit.fail('thrown', String((error as Error)?.stack ?? error));
  } finally {
    process.off('unhandledRejection', rejected);
    restore?.();
  }
  const finding = deployments.map((world) => world.audit.finding).find((each) => each !== undefined);
  if (finding) throw new ViolationError(seed, finding.rule, finding.what, trace);
  return { seed, events: scheduler.events, virtualMs: scheduler.nowMs, trace };
}

function scheduleAll(world: World): void {
  const { plan, scheduler, framed, plain } = world;
  const random = world.random.fork('workload');
  const { busyMs, sends } = plan;
  for (const member of framed) {
    const isLate = random.chance(0.2);
    const joinsMs = random.int(20, isLate ? busyMs : 800);
    scheduler.after(joinsMs, () => member.open());
    if (!member.isQuiet) scheduleSends(world, random, joinsMs, sends, () => member.send(world.content(random)));
  }
  for (const member of plain) {
    const joinsMs = random.int(20, 800);
    scheduler.after(joinsMs, () => member.connect());
    if (!member.isQuiet) scheduleSends(world, random, joinsMs, sends, () => member.send(world.content(random)));
  }
  for (const probe of world.probes) {
    for (let i = random.int(0, 3); i > 0; i--) scheduler.after(random.int(500, busyMs), () => probe.ask());
  }
  scheduleFaults(world);
}

/** Schedules sends: some at any time, some in quick succession. */
function scheduleSends(world: World, random: SeededRandom, fromMs: number, sends: number, send: () => void): void {
  for (let left = sends; left > 0; ) {
    const atMs = random.int(fromMs, world.plan.busyMs);
    const inRow = Math.min(left, random.chance(0.3) ? random.int(2, 6) : 1);
    left -= inRow;
    for (let i = 0; i < inRow; i++) world.scheduler.after(atMs + (random.chance(0.5) ? 0 : i), send);
  }
}

function scheduleFaults(world: World): void {
  const random = world.random.fork('faults');
  for (let i = 0; i < world.plan.faults; i++) {
    const own = random.fork(`fault ${i}`);
    const fault = drawFault(own, world.plan.hasLosses ? FAULTS_WITH_LOSSES : FAULTS);
    world.scheduler.after(own.int(300, world.plan.busyMs), () => {
      world.audit.note(`FAULT ${fault.name}`);
      fault.apply(world, own);
    });
  }
}

function drawFault(random: SeededRandom, faults: readonly Fault[]): Fault {
  let at = random.next() * faults.reduce((sum, { weight }) => sum + weight, 0);
  for (const fault of faults) {
    at -= fault.weight;
    if (at < 0) return fault;
  }
  return faults[0] as Fault;
}
