import { readFile } from 'node:fs/promises';
import { type ServiceProcess, startProcess, stopAll } from '@holdfast/testkit';
import { afterEach, expect, it } from 'vitest';
import { backInRedis, storedIn, tellWaits } from './storage.js';
import { expectNothingLost, REDIS_TIMEOUT_MS, type System, seeds, startLoad, startSystem } from './system.js';

const OUTAGE_SECONDS = 60;
const RATE = 300;
const MIB = 1024 * 1024;
/** Far less than 60 s of the load need, so that members must be told of messages that they cannot get. */
const SMALL_BUFFER_BYTES = 256 * 1024;
/**
 * Bytes that a process may grow by besides its buffer: frames on their way, and garbage that is not collected yet.
 */
const BESIDES_BYTES = 96 * MIB;
/** Clock ticks a second of `/proc/PID/stat` on every Linux. */
const TICKS_PER_SECOND = 100;

afterEach(stopAll);

interface Usage {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

async function usageOf({ pid }: ServiceProcess): Promise<Usage> {
  const [status, stat] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/stat`, 'utf8'),
  ]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    residentBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
  };
}

interface Second {
  readonly residentBytes: number;
  readonly cpuShare: number;
  readonly lines: number;
}

/** Measures a process once a second during an outage. */
async function watch(service: ServiceProcess): Promise<Second[]> {
  const seconds: Second[] = [];
  let before = await usageOf(service);
  let atMs = performance.now();
  let lines = service.log.lines.length;
  for (let second = 0; second < OUTAGE_SECONDS; second++) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = await usageOf(service);
    const nowMs = performance.now();
    seconds.push({
      residentBytes: now.residentBytes,
      cpuShare: ((now.cpuSeconds - before.cpuSeconds) * 1_000) / (nowMs - atMs),
      lines: service.log.lines.length - lines,
    });
    [before, atMs, lines] = [now, nowMs, service.log.lines.length];
  }
  return seconds;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Runs the outage, and prints the memory and the processor time that it took from each process. */
async function endure({ redis, gateways, api }: System, bufferBytes: number): Promise<void> {
  const sweeper = await startProcess({
    service: 'sweeper',
    env: { CHANNEL_REDIS_URL: redis.url, AUDIT_INTERVAL_SECONDS: '5' },
    until: 'alive',
  });
  const services = [...gateways, api, sweeper];
  const before = await Promise.all(services.map(usageOf));
  const watched = await Promise.all(services.map(watch));
  for (const [index, service] of services.entries()) {
    const seconds = watched[index] ?? [];
    const grown = Math.max(...seconds.map(({ residentBytes }) => residentBytes)) - (before[index]?.residentBytes ?? 0);
    const third = Math.floor(seconds.length / 3);
    const shares = seconds.map(({ cpuShare }) => cpuShare);
    const [first, last] = [mean(shares.slice(0, third)), mean(shares.slice(-third))];
    const lines = seconds.reduce((sum, second) => sum + second.lines, 0);
    process.stdout.write(
      `${service.name} in ${OUTAGE_SECONDS} s without Redis: grew by ${(grown / MIB).toFixed(1)} MiB, ${lines} log lines, ` +
        `CPU ${(first * 100).toFixed(1)} % of a core in the first third, ${(last * 100).toFixed(1)} % in the last\n`,
    );
    expect(grown, `${service.name}, bytes`).toBeLessThan(2 * bufferBytes + BESIDES_BYTES);
    expect(lines, `${service.name}, log lines`).toBeLessThan(20);
    // The share stays low on a busy machine too: only a loop without a delay would take a whole core.
    expect(last, `${service.name}, share of a core in the last third`).toBeLessThan(2 * first + 0.3);
    expect(last, `${service.name}, share of a core`).toBeLessThan(0.8);
  }
}

it.each(seeds('60 s without Redis under 300 messages/s', 1))(
  'D2: 60 s without Redis under 300 messages/s: nothing grows beyond its budget, the log is quiet, the CPU flat, and nothing is lost (seed %i)',
  async (seed) => {
    const bufferBytes = 64 * MIB;
    const system = await startSystem({
      redisTimeoutMs: REDIS_TIMEOUT_MS,
      gatewayEnv: { OUTAGE_BUFFER_BYTES: String(bufferBytes) },
    });
    const load = await startLoad(system, seed, { rate: RATE, settleSeconds: 240 });
    await load.accepted(RATE);
    await system.redis.kill();
    await storedIn('memory', system.gateways);
    await endure(system, bufferBytes);
    await system.redis.start();
    const truthMs = await backInRedis(system, load);
    const report = await expectNothingLost(system, load);
    tellWaits('60 s without Redis under 300 messages/s', report, truthMs);
  },
  400_000,
);

it.each(seeds('60 s without Redis, and too little room', 1))(
  'D2: beyond OUTAGE_BUFFER_BYTES a send gets not_stored with retryAfterMs; clients send it again, and nothing is lost (seed %i)',
  async (seed) => {
    const system = await startSystem({
      redisTimeoutMs: REDIS_TIMEOUT_MS,
      gatewayEnv: { OUTAGE_BUFFER_BYTES: String(SMALL_BUFFER_BYTES) },
    });
    const load = await startLoad(system, seed, { rate: RATE, settleSeconds: 240 });
    await load.accepted(RATE);
    await system.redis.kill();
    await storedIn('memory', system.gateways);
    await endure(system, SMALL_BUFFER_BYTES);
    for (const gateway of system.gateways) {
      expect(await gateway.metric('holdfast_unstored_bytes')).toBeLessThanOrEqual(SMALL_BUFFER_BYTES);
      expect(await gateway.metric('holdfast_error_frames_total', { code: 'not_stored' })).toBeGreaterThan(0);
    }
    await system.redis.start();
    const truthMs = await backInRedis(system, load);
    const report = await expectNothingLost(system, load);
    tellWaits('60 s without Redis, and too little room', report, truthMs);
  },
  400_000,
);
