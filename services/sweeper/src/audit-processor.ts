import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '@holdfast/redis-client';
import type { Names } from '@holdfast/session-store';
import type { Logger, Metrics } from '@holdfast/telemetry';
import { DelayedError, type Job, type Queue, UnrecoverableError, WaitingChildrenError } from 'bullmq';
import type { Audit } from './audit.js';
import type { AuditJob, PartJob, RoundJob } from './audit-job.js';
import { mastersOf, redisNow } from './masters.js';
import { type Round, storeRound } from './report.js';
import { emptyTally, type FaultCount, mergeTallies, type Tally, type TallyLine, totalOf } from './tally.js';
import { walk } from './walk.js';

/** How long a sweeper works on a part before it gives the part back to the queue, where any sweeper takes it up. */
const SLICE_MS = 1_000;
/** Pause of a part in the queue. Without it, the sweeper that has given a part back would always take it up first. */
const HANDOVER_MS = 50;
/** How long a job belongs to a worker that shows no sign of life. A killed sweeper's part is taken over after this. */
export const LOCK_MS = 10_000;

export interface AuditProcessorOptions {
  readonly client: RedisClient;
  readonly names: Pick<Names, 'auditReportKey'>;
  readonly queue: Queue<AuditJob>;
  readonly audits: readonly Audit[];
  readonly dryRun: boolean;
  readonly intervalSeconds: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Processes the jobs of the queue. A job's data holds its progress, so that any sweeper can go on with it. */
export class AuditProcessor {
  readonly #options: AuditProcessorOptions;
  #stopping = false;

  constructor(options: AuditProcessorOptions) {
    this.#options = options;
  }

  /** Gives parts back to the queue after their current batch. */
  stop(): void {
    this.#stopping = true;
  }

  /** @returns the tally of a part, which its round reads; nothing for other jobs */
  async process(job: Job<AuditJob>, token: string): Promise<Tally | undefined> {
    switch (job.data.kind) {
      case 'start':
        await this.#options.queue.removeJobScheduler(job.data.audit);
        return undefined;
      case 'round':
        await this.#round(job, job.data, token);
        return undefined;
      case 'part':
        return this.#part(job, job.data, token);
    }
  }

  async #round(job: Job<AuditJob>, data: RoundJob, token: string): Promise<void> {
    const { client, names, queue } = this.#options;
    const audit = this.#audit(data.audit);
    let { planned } = data;
    if (!planned) {
      const masters = mastersOf(client).map((master) => master.name);
      if (masters.length === 0) throw new Error('no Redis master is known yet');
      planned = { startedAt: await redisNow(client), masters };
      // The parts' ids follow from the round's: planning again, after a death in the middle, adds no part twice.
      await queue.addBulk(masters.map((master) => partJob(audit, master, job)));
      await job.updateData({ ...data, planned });
    }
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    const tallies = Object.values(await job.getChildrenValues<Tally>());
    const round: Round = {
      audit: audit.name,
      dryRun: this.#options.dryRun,
      startedAt: planned.startedAt,
      finishedAt: await redisNow(client),
      masters: planned.masters,
      unread: await unreadMasters(job, planned.masters),
      tally: mergeTallies(audit.faults, tallies),
    };
    await storeRound(client, names.auditReportKey, round, this.#options.intervalSeconds);
    this.#tell(round);
  }

  async #part(job: Job<AuditJob>, data: PartJob, token: string): Promise<Tally> {
    const { client, dryRun, metrics } = this.#options;
    const master = mastersOf(client).find(({ name }) => name === data.master);
    if (!master) throw new Error(`${data.master} is not a master, or not reachable`);
    const until = performance.now() + SLICE_MS;
    const state = await walk(
      {
        audit: this.#audit(data.audit),
        redis: master.redis,
        dryRun,
        persist: async (progress) => {
          // Fails when this process was taken for dead and another one has the job, which goes on with it.
          await job.extendLock(token, LOCK_MS);
          await job.updateData({ ...data, ...progress });
        },
        onFinding: (line) => this.#tellFinding(data.audit, line),
        onBatch: (keys) => metrics.sweeper.wentOver(data.audit, keys),
        shouldStop: () => this.#stopping || performance.now() >= until,
        rest: (ms) => sleep(ms),
        now: () => performance.now(),
      },
      data,
    );
    if (state.done) return state.tally;
    const { cursor, tally, inDoubt } = state;
    await job.extendLock(token, LOCK_MS);
    await job.updateData({ ...data, cursor, tally, inDoubt });
    await job.moveToDelayed(Date.now() + HANDOVER_MS, token);
    throw new DelayedError();
  }

  #audit(name: string): Audit {
    const audit = this.#options.audits.find((candidate) => candidate.name === name);
    if (!audit) throw new UnrecoverableError(`this sweeper knows no audit named ${name}`);
    return audit;
  }

  #tellFinding(audit: string, line: TallyLine): void {
    const { sessionId, fault, repaired, detail } = line;
    const what = repaired ? 'repaired' : 'not repaired';
    this.#options.logger.warn(
      { audit, sessionId, fault, repaired, ...detail },
      `Audit ${audit}: ${sessionId}: ${fault}, ${what}`,
    );
  }

  #tell(round: Round): void {
    const { logger, metrics } = this.#options;
    const { audit, tally } = round;
    const seconds = (round.finishedAt - round.startedAt) / 1_000;
    const complete = Object.keys(round.unread).length === 0;
    metrics.sweeper.auditEnded(audit, complete ? 'done' : 'failed', seconds);
    showFindings(metrics, audit, tally.faults);
    for (const [fault, { repaired }] of Object.entries(tally.faults)) metrics.sweeper.repaired(audit, fault, repaired);
    const { found, repaired } = totalOf(tally);
    logger.info(
      { audit, keys: tally.keys, ...tally.looked, found, repaired, seconds, unread: round.unread },
      `Audit ${audit} ${complete ? 'finished' : 'finished without some masters'}: ${tally.keys} keys, found ${found}, repaired ${repaired}`,
    );
  }
}

/** Sets the metrics to what the latest round found, whichever sweeper it was. */
export function showFindings(metrics: Metrics, audit: string, faults: Readonly<Record<string, FaultCount>>): void {
  for (const [fault, { found }] of Object.entries(faults)) metrics.sweeper.findings(audit, fault, found);
}

/** Begins a round of an audit, unless one is under way: a second one would only check the same keys twice. */
export async function beginRound(queue: Queue<AuditJob>, audit: string): Promise<void> {
  await queue.add(audit, { kind: 'round', audit }, { deduplication: { id: audit } });
}

function partJob(audit: Audit, master: string, round: Job<AuditJob>) {
  const data: PartJob = {
    kind: 'part',
    audit: audit.name,
    master,
    cursor: '0',
    tally: emptyTally(audit.faults),
    inDoubt: [],
  };
  return {
    name: `${audit.name} part`,
    data,
    opts: {
      jobId: partId(round, master),
      parent: { id: round.id ?? '', queue: round.queueQualifiedName },
      ignoreDependencyOnFailure: true,
    },
  };
}

/** Reasons why parts of a round failed for good, by master. */
async function unreadMasters(round: Job<AuditJob>, masters: readonly string[]): Promise<Record<string, string>> {
  const failures = Object.entries(await round.getIgnoredChildrenFailures());
  const unread: Record<string, string> = {};
  for (const master of masters) {
    const failure = failures.find(([key]) => key.endsWith(`:${partId(round, master)}`));
    if (failure) unread[master] = failure[1];
  }
  return unread;
}

/** A part's job id. BullMQ allows no colon in it. */
function partId(round: Job<AuditJob>, master: string): string {
  return `part-${round.id}-${master.replaceAll(':', '_')}`;
}
