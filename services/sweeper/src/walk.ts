import type { Audit, Finding } from './audit.js';
import { addLines, countKeys, type Tally, type TallyLine } from './tally.js';

/** Keys that one SCAN is asked for: about 50 µs of Redis' time, so nobody waits for it. */
const SCAN_COUNT = 200;
/** After each batch the walk rests this many times as long as the batch took, so a busy Redis is asked less (W5). */
const REST_FACTOR = 1;
const REST_MIN_MS = 2;

/** How far a walk over a master's keys has come. */
export interface WalkState {
  /** `0` at the beginning. */
  readonly cursor: string;
  readonly tally: Tally;
  /** Findings whose repair was begun: see {@link Walk.persist}. */
  readonly inDoubt: readonly Finding[];
}

export interface Walk {
  readonly audit: Audit;
  /** The master whose keys are walked over. */
  readonly redis: { scan(cursor: string, option: 'COUNT', count: number): Promise<[next: string, keys: string[]]> };
  readonly dryRun: boolean;
  /**
   * Writes down how far the walk is. Called before anything is repaired, so that a repair is reported even if this
   * process dies right after it.
   */
  persist(state: WalkState): Promise<void>;
  /** Called once for every finding that goes into the tally. */
  onFinding(line: TallyLine): void;
  /** Called after every batch with its number of keys. */
  onBatch(keys: number): void;
  /** When to stop and let somebody else go on. Looked at after every batch. */
  shouldStop(): boolean;
  rest(ms: number): Promise<void>;
  now(): number;
}

/**
 * Goes over a master's keys from a state on, batch by batch, without ever holding Redis up: SCAN with a cursor, short
 * scripts, a rest after each batch.
 *
 * @returns the state to go on from, or with cursor `0` and `done` the finished walk's
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
 * What is no fault any more when its turn comes, as when the session has expired meanwhile, was none of our repairs.
 */
async function repair(options: Walk, findings: readonly Finding[]): Promise<TallyLine[]> {
  const repaired = await Promise.all(findings.map((finding) => options.audit.repair(finding)));
  return findings.filter((_, index) => repaired[index]).map((finding) => ({ ...finding, repaired: true }));
}

/** Whoever had begun these repairs died or lost Redis: what is no fault any more, they had repaired. */
async function settleDoubts(options: Walk, findings: readonly Finding[]): Promise<TallyLine[]> {
  if (!options.dryRun) await Promise.all(findings.map((finding) => options.audit.repair(finding)));
  const lines = findings.map((finding) => ({ ...finding, repaired: !options.dryRun }));
  for (const line of lines) options.onFinding(line);
  return lines;
}
