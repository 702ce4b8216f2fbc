import {
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
  withDeadline,
} from '@holdfast/testkit';
import { YOUNG_GENERATION } from '../../bench/targets.js';
import type { DeliveryReport } from '../../delivery/delivery-report.js';
import { HonestChat } from '../honest-chat.js';
import { WorkerProcess } from '../worker-process.js';
import type { caseTasks } from './case-process.js';
import { CASES, type CaseName } from './cases.js';
import type { CaseOutcome, CaseTarget, HeavyCase } from './heavy-case.js';
import { type ProcessCost, ProcessWatch } from './process-watch.js';

export interface CaseOptions {
  /** How long the load goes on. What has begun is waited for. */
  readonly seconds: number;
  /** Of the honest chat. */
  readonly seed: number;
  /** Milliseconds without an answer after which Redis counts as away. */
  readonly redisTimeoutMs: number;
  /** The built checkout whose gateway and API run. Absent: this one. */
  readonly root?: string;
}

/** A process whose costs a row tells. `load` makes the case's load. */
export type Measured = 'gateway' | 'session-api' | 'redis' | 'load';

/** The result of one case against one checkout. What could not be measured is absent, and `wrong` says why. */
export interface CaseRow {
  readonly name: CaseName;
  readonly honest?: DeliveryReport;
  readonly costs?: Readonly<Record<Measured, ProcessCost>>;
  readonly note: string;
  readonly wrong: readonly string[];
}

/** How long a load may go on beyond its time: it waits for answers that do not come. */
const LOAD_GRACE_MS = 120_000;
const PREPARE_MS = 180_000;
const FINISH_MS = 180_000;
const SETTLE_SECONDS = 60;

/** The processes that a case starts for itself, in the order in which they are started. */
interface System {
  readonly redis: RedisServer;
  readonly gateway: ServiceProcess;
  readonly api: ServiceProcess;
}

/**
 * Runs one case with servers of its own, an honest chat beside it. Whatever the servers do wrong is part of the result:
 * nothing is thrown for it.
 */
export async function runCase(name: CaseName, options: CaseOptions): Promise<CaseRow> {
  const wrong: string[] = [];
  let started: System | undefined;
  let watch: ProcessWatch<Measured> | undefined;
  let costs: CaseRow['costs'];
  let outcome: CaseOutcome | undefined;
  let honest: DeliveryReport | undefined;
  try {
    const system = await startSystem(CASES[name], options);
    started = system;
    const load = new WorkerProcess<typeof caseTasks>('the load', new URL('./case-process.js', import.meta.url));
    watch = new ProcessWatch({
      gateway: () => system.gateway.pid,
      'session-api': () => system.api.pid,
      redis: () => system.redis.child.pid,
      load: () => load.pid,
    });
    await within(PREPARE_MS, 'the case to be prepared', load.run('prepare', { name, target: targetOf(system) }));
    const { seed, seconds } = options;
    const chat = await HonestChat.start({
      gateways: [system.gateway.wsUrl],
      history: `${system.api.url}/api`,
      seed,
      settleSeconds: SETTLE_SECONDS,
    });
    await watch.begin();
    outcome = await within(seconds * 1_000 + LOAD_GRACE_MS, 'the load to end', load.run('load', { seconds })).catch(
      (error: unknown) => ({ note: '', wrong: [messageOf(error)] }),
    );
    costs = await watch.costs();
    await load.end();
    wrong.push(...(await revive(system)));
    honest = await within(FINISH_MS, 'the honest chat to be audited', chat.finish());
  } catch (error) {
    wrong.push(messageOf(error), ...(started ? endings(started) : []));
    costs ??= await watch?.costs();
  } finally {
    watch?.stop();
    await stopAll();
  }
  return {
    name,
    ...(honest && { honest }),
    ...(costs && { costs }),
    note: outcome?.note ?? '',
    wrong: [...(outcome?.wrong ?? []), ...wrong],
  };
}

async function startSystem({ openFiles }: HeavyCase, { root, redisTimeoutMs }: CaseOptions): Promise<System> {
  const redis = await startRedis();
  const shared = {
    ...(root !== undefined && { root }),
    env: { CHANNEL_REDIS_URL: redis.url, REDIS_TIMEOUT_MS: String(redisTimeoutMs), LOG_LEVEL: 'warn' },
  };
  const gateway = await startProcess({
    service: 'gateway',
    nodeArgs: [YOUNG_GENERATION],
    ...(openFiles !== undefined && { openFiles }),
    ...shared,
  });
  return { redis, gateway, api: await startProcess({ service: 'session-api', ...shared }) };
}

function targetOf({ redis, gateway, api }: System): CaseTarget {
  return {
    gatewayPort: gateway.port,
    gatewayAdminPort: gateway.adminPort,
    apiPort: api.port,
    redisPort: redis.port,
    redisPid: redis.child.pid,
  };
}

/** What has ended by itself, one sentence each. */
function endings(system: System): string[] {
  return Object.values(system).flatMap(({ name, running, child }) =>
    running ? [] : [`${name} ended with ${child.exit?.code ?? child.exit?.signal}`],
  );
}

/** Starts again what has ended, so that the honest chat can be audited. @returns what had ended, one sentence each */
async function revive(system: System): Promise<readonly string[]> {
  // A load that was ended early may have left it halted.
  system.redis.resume();
  const ended = endings(system);
  for (const part of Object.values(system)) if (!part.running) await part.start();
  return ended;
}

async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return withDeadline(promise, what, ms);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
