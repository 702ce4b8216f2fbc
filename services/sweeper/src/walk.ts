import type { Audit, Finding } from './audit.js';
import { addLines, countKeys, type Tally, type TallyLine } from './tally.js';

/** Keys that one SCAN looks at: about 50 µs of Redis' time, so that no client has to wait. */
const SCAN_COUNT = 200;
/**
 * After each batch the walk rests this many times as long as the batch took, so that a busy Redis is asked less (W5).
 */
const REST_FACTOR = 1;
const REST_MIN_MS = 2;

/** The progress of a walk over a master's keys. */
export interface WalkState {
  /** Where SCAN goes on; `0` at the beginning. */
  readonly cursor: string;
  readonly tally: Tally;
  /** Findings whose repair has begun: see {@link Walk.persist}. */
  readonly inDoubt: readonly Finding[];
}

export interface Walk {
  readonly audit: Audit;
  /** The master whose keys are walked over. */
  readonly redis: { scan(cursor: string, option: 'COUNT', count: number): Promise<[next: string, keys: string[]]> };
  readonly dryRun: boolean;
  /**
   * Stores the progress. Called before every repair, so that the repair is reported even if this process dies right
   * after it.
   */
  persist(state: WalkState): Promise<void>;
  /** Called once for every finding that goes into the tally. */
  onFinding(line: TallyLine): void;
  /** Called after every batch with its number of keys. */
  onBatch(keys: number): void;
  /** Whether to stop and let another sweeper go on. Called after every batch. */
  shouldStop(): boolean;
  rest(ms: number): Promise<void>;
  now(): number;
}

/**
 * Walks over a master's keys, batch by batch, without holding Redis up: SCAN with a cursor, short scripts, and a rest
 * after each batch.
 *
 * @param from where an earlier walk stopped, or the beginning
 * @returns where to go on, and whether the walk is `done`
 */
export async function walk(options: Walk, from: WalkState): Promise<WalkState & { done: boolean }> {
  let { tally } = from;
  let { cursor } = from;
  if (from.inDoubt.length > 0) tally = addLines(tally, await settleDoubts(options, from.inDoubt));
  for (;;) {
    const begun = options.now();
    const [next, keys] = await options.redis.scan(cursor, 'COUNT', SCAN_COUNT);
    const { looked, findings } = await options.audit.inspect(keys);
    const toRepair = options.dryRun ? [] : findings.filter((finding) => finding.repairable);
    const toReport = findings.filter((finding) => !toRepair.includes(finding));
    if (toRepair.length > 0) await options.persist({ cursor, tally, inDoubt: toRepair });
    const lines = [
      ...toReport.map((finding) => ({ ...finding, repaired: false })),
      ...(await repair(options, toRepair)),
    ];
    for (const line of lines) options.onFinding(line);
    tally = addLines(countKeys(tally, keys.length, looked), lines);
    options.onBatch(keys.length);
    cursor = next;
    if (cursor === '0') return { cursor, tally, inDoubt: [], done: true };
    if (options.shouldStop()) return { cursor, tally, inDoubt: [], done: false };
    await options.rest(Math.max(REST_MIN_MS, REST_FACTOR * (options.now() - begun)));
  }
}

/**
 * Repairs findings. A fault that is gone when its turn comes, as when the session has expired meanwhile, is left out.
 */
async function repair(options: Walk, findings: readonly Finding[]): Promise<TallyLine[]> {
  const repaired = await Promise.all(findings.map((finding) => options.audit.repair(finding)));
  return findings.filter((_, index) => repaired[index]).map((finding) => ({ ...finding, repaired: true }));
}

/**
 * Repairs findings whose repair an earlier sweeper had begun before it died or lost Redis. A fault that is gone was
 * repaired by it.
 */
async function settleDoubts(options: Walk, findings: readonly Finding[]): Promise<TallyLine[]> {
  if (!options.dryRun) await Promise.all(findings.map((finding) => options.audit.repair(finding)));
  const lines = findings.map((finding) => ({ ...finding, repaired: !options.dryRun }));
  for (const line of lines) options.onFinding(line);
  return lines;
}
