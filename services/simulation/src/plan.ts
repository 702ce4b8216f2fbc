import { type Config, loadConfig } from '@holdfast/config';
import type { SeededRandom } from '@holdfast/testkit';

/** What a seed draws before anything happens: sizes, limits, how long people talk. */
export interface Plan {
  readonly config: Config;
  readonly gateways: number;
  /** Framed and plain members of each session. */
  readonly sessions: readonly { readonly framed: number; readonly plain: number; readonly stored: number }[];
  /** Milliseconds during which messages are sent and faults begin. */
  readonly busyMs: number;
  /** Sends of each member. */
  readonly sends: number;
  readonly faults: number;
  /** Whether Redis may lose what it has, be full, and be absent, and sessions end. */
  readonly hasLosses: boolean;
  /** Milliseconds from the start for which there is no Redis. */
  readonly absentMs: number;
}

const DEFAULTS = loadConfig('gateway', { DRAIN_SECONDS: '3' });

/**
 * Draws a run. Most limits are out of reach in most runs, so that each rule is tried with and without the others.
 *
 * @param faults how many, of all kinds; absent: one to six, in half of the runs none by which Redis loses what it has
 */
export function drawPlan(random: SeededRandom, faults?: number): Plan {
  const historyMax = random.chance(0.3) ? random.int(6, 40) : 1_000;
  const config: Config = {
    ...DEFAULTS,
    drainSeconds: random.int(2, 4),
    log: { level: 'silent', format: 'json' },
    sessions: { ...DEFAULTS.sessions, historyMax, heartbeatMs: random.int(1_500, 4_000) },
    memory: {
      ...DEFAULTS.memory,
      tailBytes: random.chance(0.25) ? random.int(500, 6_000) : DEFAULTS.memory.tailBytes,
      maxBackpressureBytes: random.chance(0.5) ? random.int(600, 4_000) : DEFAULTS.memory.maxBackpressureBytes,
    },
    limits: { ...DEFAULTS.limits, messagesPerSecond: 0 },
  };
  const sessions = Array.from({ length: random.pick([1, 1, 2]) }, () => ({
    framed: random.int(2, 4),
    plain: random.pick([0, 0, 1, 1, 2]),
    stored: random.chance(0.12) ? random.int(1, 260) : 0,
  }));
  return {
    config,
    sessions,
    gateways: random.int(2, 3),
    busyMs: random.int(5_000, 12_000),
    sends: random.int(2, 14),
    ...drawFaults(random, faults),
  };
}

function drawFaults(random: SeededRandom, wanted: number | undefined): Pick<Plan, 'faults' | 'hasLosses' | 'absentMs'> {
  const drawn = random.int(1, 6);
  // Drawn apart, so that the other half of the runs is what it would be without.
  const losses = random.fork('losses');
  const hasLosses = losses.chance(0.5) || wanted !== undefined;
  const absentMs = hasLosses && losses.chance(0.1) ? losses.int(100, 4_000) : 0;
  return { faults: wanted ?? drawn, hasLosses, absentMs };
}
