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

// A case takes seconds. It is given up after minutes, because the machine may be busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const START_MS = 60_000;
/**
 * Silence that counts as an outage (D1), for cases that wait until gateways notice one. It is longer than the default,
 * because a busy machine may stand still for a second, and shorter than any outage here. Milliseconds.
 */
export const REDIS_TIMEOUT_MS = 3_000;

/** The last message before a lull reaches members within this time (F4). Milliseconds. */
export const LAST_MESSAGE_MS = 3_000;

/** Two gateways and a session API as separate processes, on any kind of Redis. */
export interface Services {
  readonly gateways: readonly [ServiceProcess, ServiceProcess];
  readonly api: ServiceProcess;
}

/** Services on one Redis server. */
export interface System extends Services {
  readonly redis: RedisServer;
}

export interface SystemOptions {
  /** Addresses that the two gateways get in place of Redis, such as those of proxies. Default: Redis itself. */
  readonly redisUrls?: (redis: RedisServer) => Promise<readonly [string, string]>;
  /** Added to the environment of both gateways. */
  readonly gatewayEnv?: Record<string, string>;
  /** Silence that counts as an outage. Milliseconds. Default: that of {@link startProcess}. */
  readonly redisTimeoutMs?: number;
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { redisUrls, gatewayEnv, redisTimeoutMs } = options;
  // Redis writes to disk, so that a test never fails because Redis itself forgot something.
  const redis = await startRedis({ appendOnly: true });
  const urls = (await redisUrls?.(redis)) ?? [redis.url, redis.url];
  const [one, two, api] = [...urls, redis.url].map((url) => ({
    CHANNEL_REDIS_URL: url,
    ...(redisTimeoutMs !== undefined && { REDIS_TIMEOUT_MS: String(redisTimeoutMs) }),
  }));
  return { redis, ...(await startServices({ one: { ...one, ...gatewayEnv }, two: { ...two, ...gatewayEnv }, api })) };
}

type Environment = Record<string, string> | undefined;

/** Starts the services. Each environment names the Redis of its process. */
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

/** Seeds of each outage in the long run. An outage takes a quarter of a minute, so they are few. */
export const OUTAGE_SEEDS = 3;

/** One seed in `npm test`, more in the long run. `HOLDFAST_SEED` alone when that is set. */
export function seeds(label: string, inTheLongRun = 10): number[] {
  const first = announcedRandom(label);
  const count = process.env[LONG_VARIABLE] === '1' && process.env[SEED_VARIABLE] === undefined ? inTheLongRun : 1;
  return Array.from({ length: count }, (_, index) => (first.seed + index) % 0x1_0000_0000);
}

/** Starts members that send, spread over both gateways. Most cases use these numbers of sessions and members. */
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

/** Starts to measure how late a busy machine lets timers fire. @returns ends that, and gives the milliseconds to add */
export function lateness(): () => number {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  return () => {
    delays.disable();
    // A message passes five processes, each of which may be as late as this one.
    return (5 * delays.max) / 1e6;
  };
}

/** Ends a case without an outage: nothing is lost, and nobody was told of a reset. */
export async function expectDelivered(system: Services, load: DeliveryLoad): Promise<DeliveryReport> {
  const report = await expectNothingLost(system, load);
  // Redis was there all the time, so no history was reset.
  expect(report.resets, formatReport(report)).toBe(0);
  return report;
}

/** Ends a case without an outage in which no member lost a connection that it had not closed itself. */
export async function expectUninterrupted(system: Services, load: DeliveryLoad): Promise<DeliveryReport> {
  const report = await expectDelivered(system, load);
  expect(report.interruptions, formatReport(report)).toEqual({});
  return report;
}

/** Ends a case: the audit finds nothing, and the counts of the gateways balance. */
export async function expectNothingLost(system: Services, load: DeliveryLoad): Promise<DeliveryReport> {
  const report = await load.finish();
  expect(report.ok, formatReport(report)).toBe(true);
  expect(report.rejected, formatReport(report)).toBe(0);
  await expectLedgersBalanced(system);
  return report;
}

/** The messages that a gateway has accepted, stored, received and delivered add up. */
async function expectLedgersBalanced({ gateways }: Services): Promise<void> {
  for (const gateway of gateways) {
    await eventually(`the ledger of ${gateway.name} to balance`, async () => {
      const imbalance = await gateway.metric('holdfast_ledger_imbalance');
      return imbalance === 0;
    });
  }
}
