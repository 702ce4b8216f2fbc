import type { RedisClient } from '@holdfast/redis-client';
import type { Names } from '@holdfast/session-store';
import type { Logger } from '@holdfast/telemetry';
import type { Queue } from 'bullmq';
import type { Audit } from './audit.js';
import { type AuditJob, DELAY_MS_MAX } from './audit-job.js';
import { beginRound } from './audit-processor.js';
import { redisNow } from './masters.js';

export interface AuditScheduleOptions {
  readonly queue: Queue<AuditJob>;
  /** The queue's connection. Its commands wait for Redis, so the schedule is checked only while Redis is there. */
  readonly client: RedisClient;
  readonly names: Pick<Names, 'auditBegunKey'>;
  readonly audits: readonly Audit[];
  readonly intervalSeconds: number;
  readonly logger: Logger;
}

/** The schedule is checked ten times per interval, and at least this often. */
const CHECK_MS_MAX = 10_000;
const CHECKS_PER_INTERVAL = 10;
/** How far Redis' clock and a sweeper's may differ before a waiting job counts as one of a wrong clock. */
const CLOCK_TOLERANCE_MS = 2_000;
/** BullMQ's score of a waiting job is its due time, Unix ms, times this number, plus a counter. */
const SCORE_PER_MS = 0x1000;

/**
 * Begins every audit at start, and then once per interval, whichever sweepers there are (W6). A key that expires says
 * that an audit was begun within the last interval. So Redis keeps the time, and no sweeper's clock does.
 *
 * BullMQ writes the due time of a job that waits by the clock of the sweeper that hands it back. The schedule compares
 * these times with Redis' clock, and releases jobs that wait for a wrong one.
 */
export class AuditSchedule {
  readonly #options: AuditScheduleOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #onTime = () => void this.#check();
  /** Audits that this sweeper has to begin: all at start, later those that it found due. */
  readonly #owed: Set<string>;
  #checking: Promise<void> | undefined;
  #scheduled = false;
  #closed = false;

  constructor(options: AuditScheduleOptions) {
    this.#options = options;
    this.#owed = new Set(options.audits.map(({ name }) => name));
    options.client.on('ready', this.#onTime);
    const everyMs = Math.min(CHECK_MS_MAX, (options.intervalSeconds * 1_000) / CHECKS_PER_INTERVAL);
    this.#timer = setInterval(this.#onTime, everyMs);
    this.#onTime();
  }

  /** Whether all audits have been begun once. */
  get scheduled(): boolean {
    return this.#scheduled;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#options.client.off('ready', this.#onTime);
  }

  #check(): Promise<void> {
    this.#checking ??= this.#checkAll().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #checkAll(): Promise<void> {
    const { queue, client, audits, intervalSeconds, logger } = this.#options;
    if (client.status !== 'ready') return;
    try {
      await this.#releaseMistimed();
      for (const { name } of audits) {
        if (await this.#isDue(name)) this.#owed.add(name);
        if (!this.#owed.has(name)) continue;
        await beginRound(queue, name);
        this.#owed.delete(name);
      }
      if (!this.#scheduled) {
        logger.info(
          { audits: audits.map(({ name }) => name), intervalSeconds },
          `Audits scheduled every ${intervalSeconds}s`,
        );
      }
      this.#scheduled = true;
    } catch (error) {
      if (this.#closed) return;
      logger.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'Audits could not be scheduled; trying again',
      );
    }
  }

  /** Whether no sweeper has begun the audit within the last interval. If so, the next interval begins now. */
  async #isDue(audit: string): Promise<boolean> {
    const { client, names, intervalSeconds } = this.#options;
    const key = names.auditBegunKey(audit);
    const intervalMs = intervalSeconds * 1_000;
    if ((await client.set(key, '1', 'PX', intervalMs, 'NX')) !== null) return true;
    const remainingMs = await client.pttl(key);
    if (remainingMs >= 0 && remainingMs <= intervalMs) return false;
    // Redis' own clock was put back, or another interval was set: the key would last too long.
    await client.set(key, '1', 'PX', intervalMs);
    return true;
  }

  /** Releases jobs whose due time Redis' clock has passed, or that wait longer than any job may. */
  async #releaseMistimed(): Promise<void> {
    const { queue, client, logger } = this.#options;
    const nowMs = await redisNow(client);
    const waiting = await client.zrange(queue.toKey('delayed'), '0', '-1', 'WITHSCORES');
    for (let index = 0; index < waiting.length; index += 2) {
      const inMs = Math.floor(Number(waiting[index + 1]) / SCORE_PER_MS) - nowMs;
      if (inMs >= -CLOCK_TOLERANCE_MS && inMs <= DELAY_MS_MAX + CLOCK_TOLERANCE_MS) continue;
      const job = await queue.getJob(waiting[index] ?? '');
      if (!job) continue;
      try {
        await job.promote();
      } catch (error) {
        // Another sweeper may have released the job in between.
        if (await job.isDelayed()) throw error;
        continue;
      }
      logger.warn(
        { job: job.name, inMs },
        'An audit job waited by a clock that differs from the one of Redis; released',
      );
    }
  }
}
