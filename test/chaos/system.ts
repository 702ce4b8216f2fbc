import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DeliveryLoad, type DeliveryOptions, type DeliveryReport, formatReport } from '@holdfast/loadgen';
import {
  announcedRandom,
  eventually,
  LONG_VARIABLE,
  type RedisServer,
  SEED_VARIABLE,
  type ServiceProcess,
  startProcess,
  startRedis,
} from '@holdfast/testkit';
import { expect, onTestFinished, vi } from 'vitest';

// Real processes on a machine that may be busy: a case takes seconds, and is given up after minutes.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const START_MS = 60_000;
/**
 * For those who wait for an outage to be noticed (D1): longer than the default, because a machine that stands still for
 * a second is none, and shorter than any outage here. Milliseconds.
 */
export const REDIS_TIMEOUT_MS = 3_000;

/** Within this even the last message before a lull reaches members (F4). */
export const LAST_MESSAGE_MS = 3_000;

/** Two built gateways, session-api, and members at both gateways, on whatever Redis. */
export interface Services {
  readonly gateways: readonly [ServiceProcess, ServiceProcess];
  readonly api: ServiceProcess;
}

/** Services on one real Redis. */
export interface System extends Services {
  readonly redis: RedisServer;
}

export interface SystemOptions {
  /** What the two gateways, in this order, think is Redis: a proxy in front of it. */
  readonly redisUrls?: (redis: RedisServer) => Promise<readonly [string, string]>;
  /** Laid over what every gateway gets. */
  readonly gatewayEnv?: Record<string, string>;
  /** Milliseconds of silence that are an outage. Default: as many as {@link startProcess} sets. */
  readonly redisTimeoutMs?: number;
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { redisUrls, gatewayEnv, redisTimeoutMs } = options;
  // A disk of its own: nothing that is tested here may be Redis forgetting.
  const redis = await startRedis({ appendOnly: true });
  const urls = (await redisUrls?.(redis)) ?? [redis.url, redis.url];
  const [one, two, api] = [...urls, redis.url].map((url) => ({
    CHANNEL_REDIS_URL: url,
    ...(redisTimeoutMs !== undefined && { REDIS_TIMEOUT_MS: String(redisTimeoutMs) }),
  }));
  return { redis, ...(await startServices({ one: { ...one, ...gatewayEnv }, two: { ...two, ...gatewayEnv }, api })) };
}

type Environment = Record<string, string> | undefined;

/** Starts everything but Redis; each process is told where that is. */
export async function startServices(env: { one: Environment; two: Environment; api: Environment }): Promise<Services> {
  const gateway = (name: string, own: Environment): Promise<ServiceProcess> =>
    startProcess({
      service: 'gateway',
      name,
      timeoutMs: START_MS,
      env: { MAX_MESSAGES_PER_SECOND: '0', MESSAGE_HISTORY_MAX: '10000', DRAIN_SECONDS: '3', ...own },
    });
  const [first, second, api] = await Promise.all([
    gateway('gateway 1', env.one),
    gateway('gateway 2', env.two),
    startProcess({ service: 'session-api', timeoutMs: START_MS, env: { MESSAGE_HISTORY_MAX: '10000', ...env.api } }),
  ]);
  return { gateways: [first, second], api };
}

/** An outage takes a quarter of a minute: as many seeds of it as the long run has time for. */
export const OUTAGE_SEEDS = 3;

/** One seed for every day, more in the long run; `HOLDFAST_SEED` alone when it is set. */
export function seeds(label: string, inTheLongRun = 10): number[] {
  const first = announcedRandom(label);
  const count = process.env[LONG_VARIABLE] === '1' && process.env[SEED_VARIABLE] === undefined ? inTheLongRun : 1;
  return Array.from({ length: count }, (_, index) => (first.seed + index) % 0x1_0000_0000);
}

/** Members over both gateways, sending. Sessions and members are what every case must hold for. */
export async function startLoad(
  system: Services,
  seed: number,
  options: Partial<DeliveryOptions> = {},
): Promise<DeliveryLoad> {
  const load = await DeliveryLoad.start({
    gateways: system.gateways.map((gateway) => gateway.wsUrl),
    history: `${system.api.url}/api`,
    sessions: 12,
    members: 4,
    rate: 150,
    disconnectEvery: 5,
    awayMs: 500,
    backoffBaseMs: 100,
    backoffMaxMs: 500,
    settleSeconds: 60,
    seed,
    ...options,
  });
  onTestFinished(() => load.stop());
  return load;
}

/** Starts to measure how late a busy machine makes things: ask for it when what is to be judged is over. */
export function lateness(): () => number {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  return () => {
    delays.disable();
    // A message's way crosses a handful of processes, each of which may be as late as this one.
    return (5 * delays.max) / 1e6;
  };
}

/** The end of every case without an outage: the audit holds, and what the gateways count agrees with it. */
export async function expectDelivered(system: Services, load: DeliveryLoad): Promise<DeliveryReport> {
  const report = await expectNothingLost(system, load);
  // Redis was there all the time: nothing may have been given up on.
  expect(report.resets, formatReport(report)).toBe(0);
  return report;
}

/** The same, and no member was ever without a connection that it had not given up itself. */
export async function expectUninterrupted(system: Services, load: DeliveryLoad): Promise<DeliveryReport> {
  const report = await expectDelivered(system, load);
  expect(report.interruptions, formatReport(report)).toEqual({});
  return report;
}

/** The end of every case: the audit holds, and what the gateways count agrees with it. */
export async function expectNothingLost(system: Services, load: DeliveryLoad): Promise<DeliveryReport> {
  const report = await load.finish();
  expect(report.ok, formatReport(report)).toBe(true);
  expect(report.rejected, formatReport(report)).toBe(0);
  await expectLedgersBalanced(system);
  return report;
}

/** What a gateway has taken, stored, heard and handed out adds up. */
async function expectLedgersBalanced({ gateways }: Services): Promise<void> {
  for (const gateway of gateways) {
    await eventually(`the ledger of ${gateway.name} to balance`, async () => {
      const imbalance = await gateway.metric('holdfast_ledger_imbalance');
      return imbalance === 0;
    });
  }
}
