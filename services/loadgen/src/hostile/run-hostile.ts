import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CLOSE } from '@holdfast/protocol';
import {
  freePorts,
  type RedisServer,
  redisInfo,
  type ServiceProcess,
  startProcess,
  startRedis,
} from '@holdfast/testkit';
import { type HeapUsage, Inspector } from '../bench/inspector.js';
import type { Figure } from '../bench/report.js';
import type { DeliveryReport } from '../delivery/delivery-report.js';
import type { AttackReport } from './attack-worker.js';
import type { AttackTarget } from './attacks.js';
import { HonestChat } from './honest-chat.js';

export interface HostileOptions {
  /** How long the attacks are measured. */
  readonly minutes: number;
  /** Of the honest chat. */
  readonly seed: number;
  /** Called with a line for people, now and then. */
  readonly tell: (line: string) => void;
}

export interface HostileReport {
  readonly figures: readonly Figure[];
  /** The honest chat, while the attacks were measured. */
  readonly honest: DeliveryReport;
  readonly attacks: AttackReport;
  /** Connections that the gateway counted as ended, by close code, since its start. */
  readonly closes: Readonly<Record<string, number>>;
}

/** Seconds that a session lives: short, so that Redis forgets those of the attacks during the run. */
const SESSION_TTL = 30;
const SETTLE_SECONDS = 60;
/** The attacks go on for this part of the time before memory is measured first, and at most for {@link WARM_UP_MAX_MS}. */
const WARM_UP_SHARE = 0.3;
const WARM_UP_MAX_MS = 150_000;
/** Longer than a gateway keeps an empty room, a session lives, or a socket is held after its close. */
const SETTLE_MS = 75_000;
const PROGRESS_MS = 10_000;
const GROWTH_MAX = 1.1;
const HONEST_P99_MAX_MS = 100;

/** A service whose memory is measured. */
interface Watched {
  readonly name: string;
  readonly service: ServiceProcess;
  readonly inspector: Inspector;
}

/** Bytes by the service's name. */
type Memory = ReadonlyMap<string, HeapUsage>;

/**
 * Attacks a gateway, the API and their Redis in every way of {@link ATTACKS} while honest members chat, and measures
 * what that costs: memory before and after, at rest and after a garbage collection, and the honest members' waits.
 * The caller ends the processes with `stopAll`.
 */
export async function runHostile({ minutes, seed, tell }: HostileOptions): Promise<HostileReport> {
  const redis = await startRedis();
  const gateway = await watched('gateway', redis);
  const api = await watched('session-api', redis);
  const system = [gateway, api];
  const target = { gatewayPort: gateway.service.port, apiPort: api.service.port, prefix: 'hostile' };
  const totalMs = minutes * 60_000;

  tell('warming up');
  const warmUp = await attackedChat(system, target, seed, Math.min(totalMs * WARM_UP_SHARE, WARM_UP_MAX_MS), tell);
  await delay(SETTLE_MS);
  const before = await memoryOf(system);
  tell(`attacking for ${minutes} minutes`);
  const { honest, attacks, peak } = await attackedChat(system, target, seed, totalMs, tell);
  await delay(SETTLE_MS);
  const after = await memoryOf(system);

  const left = await gateway.service.metric('holdfast_rooms');
  const closes: Record<string, number> = {};
  for (const { code } of Object.values(CLOSE)) {
    closes[code] = (await gateway.service.metric('holdfast_closes_total', { code: String(code) })) ?? 0;
  }
  for (const { inspector } of system) inspector.close();
  const figures: Figure[] = [
    { name: 'honest p50', unit: 'ms', value: honest.showing.p50 },
    { name: 'honest p99', unit: 'ms', value: honest.showing.p99, atMost: HONEST_P99_MAX_MS },
    { name: 'honest longest', unit: 'ms', value: honest.showing.max },
    { name: 'honest messages refused', unit: '', value: honest.rejected + warmUp.honest.rejected, atMost: 0 },
    { name: 'honest connections lost', unit: '', value: lost(honest) + lost(warmUp.honest), atMost: 0 },
    { name: 'violations', unit: '', value: violations(honest) + violations(warmUp.honest), atMost: 0 },
  ];
  for (const { name } of system) {
    const of = (memory: Memory, what: keyof HeapUsage): number => (memory.get(name)?.[what] ?? 0) / 1_048_576;
    figures.push(
      { name: `${name} heap, at the beginning`, unit: 'MB', value: of(before, 'heapUsed') + of(before, 'external') },
      { name: `${name} heap, at the end`, unit: 'MB', value: of(after, 'heapUsed') + of(after, 'external') },
      { name: `${name} resident, at the beginning`, unit: 'MB', value: of(before, 'rss') },
      { name: `${name} resident, most under attack`, unit: 'MB', value: (peak.get(name) ?? 0) / 1_048_576 },
      { name: `${name} resident, at the end`, unit: 'MB', value: of(after, 'rss') },
      {
        name: `${name} resident, end to beginning`,
        unit: '',
        value: of(after, 'rss') / of(before, 'rss'),
        atMost: GROWTH_MAX,
      },
    );
  }
  figures.push(
    {
      name: 'redis memory at the end',
      unit: 'MB',
      value: Number((await redisInfo(redis.port, 'memory')).get('used_memory')) / 1_048_576,
    },
    { name: 'sessions in memory at the end', unit: '', value: left ?? 0, atMost: 0 },
  );
  return { figures, honest, attacks, closes };
}

async function watched(name: string, redis: RedisServer): Promise<Watched> {
  const [port = 0] = await freePorts(1);
  const service = await startProcess({
    service: name,
    env: {
      CHANNEL_REDIS_URL: redis.url,
      REDIS_SESSION_TTL: String(SESSION_TTL),
      NODE_OPTIONS: `--inspect=127.0.0.1:${port}`,
    },
  });
  return { name, service, inspector: await Inspector.connect(port) };
}

/** Chats under attack for some time, and audits the chat. */
async function attackedChat(
  system: readonly Watched[],
  target: AttackTarget,
  seed: number,
  ms: number,
  tell: (line: string) => void,
): Promise<{ honest: DeliveryReport; attacks: AttackReport; peak: ReadonlyMap<string, number> }> {
  const chat = await HonestChat.start({
    gateways: system.filter(({ name }) => name === 'gateway').map(({ service }) => service.wsUrl),
    history: `http://127.0.0.1:${target.apiPort}/api`,
    seed,
    settleSeconds: SETTLE_SECONDS,
  });
  const worker = new Worker(new URL('./attack-worker.js', import.meta.url), { workerData: target });
  const failed = new Promise<never>((_resolve, reject) => worker.once('error', reject));
  const endsAtMs = performance.now() + ms;
  const peak = new Map<string, number>();
  try {
    while (performance.now() < endsAtMs) {
      await Promise.race([delay(Math.min(PROGRESS_MS, endsAtMs - performance.now())), failed]);
      const now = await Promise.all(
        system.map(async ({ name, service }) => [name, await residentOf(service)] as const),
      );
      for (const [name, bytes] of now) peak.set(name, Math.max(peak.get(name) ?? 0, bytes));
      tell(`  ${now.map(([name, bytes]) => `${name} ${Math.round(bytes / 1_048_576)} MB`).join(', ')}`);
    }
    await chat.pause();
    const attacks = await new Promise<AttackReport>((resolve) => {
      worker.once('message', resolve);
      worker.postMessage('report');
    });
    return { honest: await chat.finish(), attacks, peak };
  } finally {
    await chat.end();
    await worker.terminate();
  }
}

/** After a garbage collection. */
async function memoryOf(system: readonly Watched[]): Promise<Memory> {
  const memory = new Map<string, HeapUsage>();
  for (const { name, inspector } of system) memory.set(name, await inspector.usage());
  return memory;
}

async function residentOf(service: ServiceProcess): Promise<number> {
  return (await service.metric('process_resident_memory_bytes')) ?? 0;
}

function lost({ interruptions }: DeliveryReport): number {
  return Object.values(interruptions).reduce((sum, count) => sum + count, 0);
}

function violations({ ok, violations: counts }: DeliveryReport): number {
  const count = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return ok ? count : Math.max(1, count);
}
