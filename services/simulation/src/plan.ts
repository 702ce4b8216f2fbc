import { type Config, loadConfig } from '@holdfast/config';
import type { SeededRandom } from '@holdfast/testkit';
import type { LargeMessagesPlan } from './large-messages.js';

export interface SessionPlan {
  readonly framed: number;
  readonly plain: number;
  /** How many of the framed and of the plain members send, the first ones. Absent: all. */
  readonly senders?: number;
  /** Messages that it has at the start. */
  readonly stored: number;
}

/** What a seed draws before the run: sizes, limits, and how long people chat. */
export interface Plan {
  readonly config: Config;
  readonly gateways: number;
  readonly sessions: readonly SessionPlan[];
  /** How many milliseconds messages are sent and faults begin. */
  readonly busyMs: number;
  /** How many messages each member sends. */
  readonly sends: number;
  readonly faults: number;
  /** Whether Redis may lose data, be full or be absent, and sessions may end. */
  readonly hasLosses: boolean;
  /** How many milliseconds there is no Redis at the start. */
  readonly absentMs: number;
  /** Absent: all messages are small. */
  readonly largeMessages?: LargeMessagesPlan;
  /** Whether a gateway sends a message once to the group of a session's sockets, as uWebSockets.js does. */
  readonly hasGroups?: boolean;
  /** Sender key of the messages that a session has at the start. Absent: none, so that no repetition of them is known. */
  readonly storedKey?: string;
  /** A second deployment on the same Redis. Absent: there is none. */
  readonly neighbour?: Plan;
}

export const DEFAULTS = loadConfig('gateway', { DRAIN_SECONDS: '3' });

/**
 * Draws a plan. Most runs do not reach most limits, so that each rule is tried with and without the others.
 *
 * @param faults how many faults of all kinds there are; absent: one to six, without losses of Redis in half of the runs
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
  // Losses are drawn from a generator of their own, so that they do not change runs without losses.
  const losses = random.fork('losses');
  const hasLosses = losses.chance(0.5) || wanted !== undefined;
  const absentMs = hasLosses && losses.chance(0.1) ? losses.int(100, 4_000) : 0;
  return { faults: wanted ?? drawn, hasLosses, absentMs };
}
