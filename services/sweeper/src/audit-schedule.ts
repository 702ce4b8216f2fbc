import type { RedisClient } from '@holdfast/redis-client';
import type { Logger } from '@holdfast/telemetry';
import type { Queue } from 'bullmq';
import type { Audit } from './audit.js';
import type { AuditJob } from './audit-job.js';
import { beginRound } from './audit-processor.js';

export interface AuditScheduleOptions {
  readonly queue: Queue<AuditJob>;
  /** The queue's connection. Its commands wait for Redis, so the schedule is written only while Redis is there. */
  readonly client: RedisClient;
  readonly audits: readonly Audit[];
  readonly intervalSeconds: number;
  readonly logger: Logger;
}

/**
 * Keeps the schedule of all audits in Redis, where all sweepers share it, and begins a round at start. The schedule is
 * written again after every reconnect and once per interval, because Redis may have come back empty.
 */
export class AuditSchedule {
  readonly #options: AuditScheduleOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #onReady = () => void this.#write();
  #writing: Promise<void> | undefined;
  #scheduled = false;
  #begun = false;
  #closed = false;

  constructor(options: AuditScheduleOptions) {
    this.#options = options;
    options.client.on('ready', this.#onReady);
    this.#timer = setInterval(this.#onReady, options.intervalSeconds * 1_000);
    this.#onReady();
  }

  /** Whether the schedule has ever been written. */
  get scheduled(): boolean {
    return this.#scheduled;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#options.client.off('ready', this.#onReady);
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    const { queue, client, audits, intervalSeconds, logger } = this.#options;
    if (client.status !== 'ready') return;
    try {
      for (const { name } of audits) {
        const template = { name: `${name} start`, data: { kind: 'start', audit: name } as const };
        await queue.upsertJobScheduler(name, { every: intervalSeconds * 1_000 }, template);
        if (!this.#begun) await beginRound(queue, name);
      }
      this.#begun = true;
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
}
