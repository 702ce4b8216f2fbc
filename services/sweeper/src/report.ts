import type { RedisClient } from '@holdfast/redis-client';
import { type FaultCount, type Tally, totalOf } from './tally.js';

/** A finished round. */
export interface Round {
  readonly audit: string;
  readonly dryRun: boolean;
  /** Unix milliseconds by Redis' clock. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly masters: readonly string[];
  /** Reasons by master, of the masters that could not be read to the end. */
  readonly unread: Readonly<Record<string, string>>;
  readonly tally: Tally;
}

/** Least lifetime of a report, seconds. An older one says nothing about today. */
const REPORT_MIN_SECONDS = 24 * 60 * 60;

/** One audit's part of the report (W4). Names as in HTTP, times in Unix seconds. */
export function renderRound(round: Round): Record<string, unknown> {
  const { tally } = round;
  return {
    started_at: round.startedAt / 1_000,
    finished_at: round.finishedAt / 1_000,
    dry_run: round.dryRun,
    complete: Object.keys(round.unread).length === 0,
    masters: round.masters,
    unread_masters: round.unread,
    looked_at: { keys: tally.keys, ...tally.looked },
    faults: tally.faults,
    findings: tally.lines.map(({ sessionId, fault, repaired, detail }) => ({
      session_id: sessionId,
      fault,
      repaired,
      ...detail,
    })),
    findings_left_out: totalOf(tally).found - tally.lines.length,
  };
}

/**
 * Stores an audit's part of the report. The report is one hash with a field per audit, so that audits that end at the
 * same time do not overwrite each other. It expires a day after the last round of any audit, or after three intervals
 * if those are longer (K5).
 *
 * @param key of the report
 */
export async function storeRound(
  client: RedisClient,
  key: string,
  round: Round,
  intervalSeconds: number,
): Promise<void> {
  const seconds = Math.max(REPORT_MIN_SECONDS, 3 * intervalSeconds);
  const replies = await client
    .multi()
    .hset(key, round.audit, JSON.stringify(renderRound(round)))
    .expire(key, seconds)
    .exec();
  const failed = replies?.find(([error]) => error !== null)?.[0];
  if (replies === null || failed) throw failed ?? new Error('the report could not be stored');
}

/** What the latest round of an audit found, whichever sweeper ran it; nothing when there was no round. @param key of the report */
export async function readFaults(
  client: RedisClient,
  key: string,
  audit: string,
): Promise<Record<string, FaultCount> | undefined> {
  const json = await client.hget(key, audit);
  return json === null ? undefined : (JSON.parse(json) as { faults: Record<string, FaultCount> }).faults;
}
