import type { Config } from '@holdfast/config';
import {
  closeRedis,
  createRedis,
  missingPermissions,
  RedisRefusedError,
  RedisWatch,
  redisErrorKind,
  refusalOf,
  waitUntilReady,
  watchPermissions,
} from '@holdfast/redis-client';
import { namesOf } from '@holdfast/session-store';
import type { Logger, Metrics, Readiness } from '@holdfast/telemetry';
import { Queue, Worker } from 'bullmq';
import { AUDIT_QUEUE, type AuditJob, jobOptions, QUEUE_EVENTS_MAX } from './audit-job.js';
import { AuditProcessor, LOCK_MS, showFindings } from './audit-processor.js';
import { AuditSchedule } from './audit-schedule.js';
import { ExpiryAudit } from './expiry-audit.js';
import { sweeperPermissions } from './permissions.js';
import { readFaults } from './report.js';

export interface SweeperDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Sweeper {
  /**
   * Waits for the first contact with Redis.
   *
   * @throws {RedisRefusedError} when Redis refuses the connection until somebody changes a setting (D7)
   * @throws {Error} when Redis does not answer in time; the sweeper goes on trying
   */
  connected(): Promise<void>;
  readiness(): Promise<Readiness>;
  /** Gives the current jobs back to the queue and closes every connection. A second call waits for the first. */
  close(): Promise<void>;
}

/** Jobs that one sweeper works on at a time. */
const CONCURRENCY = 4;
/** How often a worker looks for jobs whose worker has died. */
const STALLED_CHECK_MS = 5_000;
/** How often a job's workers may die before the job is given up. The next round begins anew anyway. */
const DEATHS_MAX = 20;

/** Starts a sweeper. Redis may be away: the audits begin when it answers. */
export function startSweeper({ config, logger, metrics }: SweeperDeps): Sweeper {
  const onError = (error: Error) => metrics.redis.failed(redisErrorKind(error));
  const onRefused = (reason: string) => logger.error({ reason }, 'Redis refuses the connection');
  const bull = createRedis(config.redis, { name: 'holdfast-sweeper-queue', role: 'bullmq', onError });
  const commands = createRedis(config.redis, { name: 'holdfast-sweeper', role: 'commands', onError, onRefused });
  const watch = new RedisWatch({
    client: commands,
    metrics: metrics.redis,
    onAway: (reason) => logger.error({ reason }, 'Redis is away; audits wait for it'),
    onBack: () => logger.info('Redis is back; audits go on'),
  });

  const { intervalSeconds, graceSeconds, dryRun } = config.audit;
  const names = namesOf(config.redis);
  const needs = sweeperPermissions(names, dryRun);
  const audits = [new ExpiryAudit({ client: commands, names, graceSeconds, intervalSeconds, dryRun })];
  const queue = new Queue<AuditJob>(AUDIT_QUEUE, {
    connection: bull,
    prefix: names.auditQueuePrefix,
    defaultJobOptions: jobOptions(intervalSeconds),
    streams: { events: { maxLen: QUEUE_EVENTS_MAX } },
  });
  const processor = new AuditProcessor({
    client: commands,
    names,
    queue,
    audits,
    dryRun,
    intervalSeconds,
    logger,
    metrics,
  });
  const worker = new Worker<AuditJob>(AUDIT_QUEUE, (job, token) => processor.process(job, token ?? ''), {
    connection: bull,
    prefix: names.auditQueuePrefix,
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: DEATHS_MAX,
  });
  // BullMQ repeats every failure of its connections here. RedisWatch logs them once.
  queue.on('error', onError);
  worker.on('error', onError);
  worker.on('failed', (job, error) => {
    const attempts = job?.attemptsMade ?? 0;
    // A failure that is tried again is no news: Redis comes and goes.
    const final = attempts >= (job?.opts.attempts ?? 1);
    logger[final ? 'error' : 'debug']({ job: job?.name, attempts, reason: error.message }, 'Audit job failed');
    if (final && job?.data.kind === 'round') {
      metrics.sweeper.auditEnded(job.data.audit, 'failed', Math.max(0, Date.now() - job.timestamp) / 1_000);
    }
  });
  const schedule = new AuditSchedule({ queue, names, client: bull, audits, intervalSeconds, logger });

  // A round's figures are those of the whole system: every sweeper shows the latest, whichever sweeper ran it.
  const show = setInterval(() => {
    for (const { name } of audits) {
      readFaults(commands, names.auditReportKey, name).then(
        (faults) => showFindings(metrics, name, faults ?? {}),
        onError,
      );
    }
  }, intervalSeconds * 1_000);

  let closing: Promise<void> | undefined;
  const close = async () => {
    processor.stop();
    clearInterval(show);
    schedule.close();
    // Without Redis no job can be given back: its lock runs out, and another sweeper goes on.
    await worker.close(!watch.up);
    await queue.close();
    watch.close();
    await Promise.all([closeRedis(bull), closeRedis(commands)]);
  };
  return {
    connected: async () => {
      const failure = await waitUntilReady(commands, config.redis.timeoutMs).catch((error: Error) => error);
      if (failure instanceof RedisRefusedError) throw failure;
      await watchPermissions(commands, () => missingPermissions(commands, needs), onRefused);
      if (failure) throw failure;
    },
    readiness: async () => {
      const up = await watch.check();
      const refused = refusalOf(commands);
      const ready = up && worker.isRunning() && closing === undefined;
      return {
        ready,
        redis: up ? 'connected' : 'away',
        ...(refused !== undefined && { redis_refused: refused }),
        scheduled: schedule.scheduled,
        draining: closing !== undefined,
      };
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
