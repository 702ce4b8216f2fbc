import { SeededRandom } from '@holdfast/testkit';
import type { Mutation } from './mutation.js';
import { drawPlan, type Plan } from './plan.js';
import { RedisServer } from './redis-server.js';
import { Scheduler } from './scheduler.js';
import type { Trace } from './trace.js';
import { type Scenario, vary } from './variety.js';
import { World } from './world.js';

export interface DeploymentOptions {
  readonly mutation: Mutation;
  readonly trace: Trace;
  /** How many faults of all kinds there are. Absent: the seed draws it. */
  readonly faults: number | undefined;
  readonly scenario: Scenario;
}

/** Begins the names of everything in the second deployment. */
const SECOND = 'n';

/** The deployments of a seed: one, or two on the same Redis with sessions of the same ids. */
export function deploy(
  seed: number,
  { mutation, trace, faults, scenario }: DeploymentOptions,
): readonly [World, ...World[]] {
  const random = new SeededRandom(seed);
  const plan = vary(random.fork('variety'), drawPlan(random.fork('plan'), faults), scenario);
  const scheduler = new Scheduler(random.fork('ties').next);
  const redis = new RedisServer(scheduler);
  const deployments: World[] = [];
  const add = (own: SeededRandom, itsPlan: Plan, prefix: string): World =>
    new World({ random: own, plan: itsPlan, scheduler, redis, deployments, prefix, mutation, trace });
  const first = add(random, plan, '');
  if (!plan.neighbour) return [first];
  const second = add(random.fork('second deployment'), plan.neighbour, SECOND);
  first.audit.neighbour = second.audit;
  second.audit.neighbour = first.audit;
  return [first, second];
}
