import { type Config, loadConfig } from '@holdfast/config';
import { logKey, sessionKey } from '@holdfast/session-store';
import { createLogger, createMetrics, type Metrics } from '@holdfast/telemetry';
import { LineLog } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { type Sweeper, startSweeper } from '../src/index.js';

/** A sweeper in this process, with what it logs and counts. */
export interface TestSweeper {
  readonly sweeper: Sweeper;
  readonly log: LineLog;
  readonly metrics: Metrics;
  /** The value of a metric of the sweeper, by its labels. */
  metric(name: string, labels: string): Promise<number | undefined>;
}

export function startTestSweeper(env: Record<string, string>): TestSweeper {
  const config: Config = loadConfig('sweeper', { AUDIT_INTERVAL_SECONDS: '1', REDIS_TIMEOUT_MS: '3000', ...env });
  const log = new LineLog();
  const identity = { service: 'sweeper', color: config.color, instance: config.instance } as const;
  const logger = createLogger({
    ...identity,
    level: 'info',
    format: 'json',
    destination: { write: (text) => log.write(text) },
  });
  const metrics = createMetrics(identity);
  return {
    sweeper: startSweeper({ config, logger, metrics }),
    log,
    metrics,
    async metric(name, labels) {
      const lines = (await metrics.exposition()).split('\n');
      const line = lines.find((text) => text.startsWith(`${name}{`) && text.includes(labels));
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
    },
  };
}

/** A session of this ttl, seconds, that has no message yet. */
export function sessionJson(ttl: number): string {
  return `{"data":{"count":0,"last_activity":1.000},"created_at":1.000,"ttl":${ttl},"epoch":"00000000001-aa","retried":0}`;
}

/** Writes many sessions at once; those `broken` tells have no expiry. */
export async function plantSessions(url: string, count: number, broken: (index: number) => boolean): Promise<void> {
  const redis = new Redis(url);
  for (let from = 0; from < count; from += 5_000) {
    const pipeline = redis.pipeline();
    for (let index = from; index < Math.min(count, from + 5_000); index++) {
      pipeline.set(sessionKey(`s${index}`), sessionJson(600));
      if (!broken(index)) pipeline.expire(sessionKey(`s${index}`), 600);
    }
    await pipeline.exec();
  }
  await redis.quit();
}

/** A log whose session is not there. */
export async function plantOrphan(redis: Pick<Redis, 'xadd'>, id: string): Promise<void> {
  await redis.xadd(logKey(id), '1-0', '', 'x",y');
}
