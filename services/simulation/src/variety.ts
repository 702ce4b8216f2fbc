import type { Config } from '@holdfast/config';
import { BATCH_BYTES, HISTORY_CHUNK_BYTES } from '@holdfast/gateway';
import type { NameScope } from '@holdfast/session-store';
import type { SeededRandom } from '@holdfast/testkit';
import type { LargeMessagesPlan } from './large-messages.js';
import { DEFAULTS, drawPlan, type Plan, type SessionPlan } from './plan.js';

/**
 * What seeds draw. 1: all messages are small, and sessions have at most six members. 2: also messages of all sizes up to
 * the limit, and sessions of up to a hundred members. 3: also a second deployment on the same Redis. 4: also logs that are
 * trimmed by bytes. A seed that is kept does in its own scenario what it did when it was found.
 */
export const SCENARIOS = [1, 2, 3, 4] as const;
export type Scenario = (typeof SCENARIOS)[number];
export const LATEST: Scenario = 4;

/** How many of the seeds have large messages, and how many a large session. */
const WITH_LARGE_MESSAGES = 0.25;
const WITH_LARGE_SESSION = 0.02;
/** How many have logs that are trimmed by bytes, beside those that are trimmed by count. */
const WITH_SMALL_LOGS = 0.2;
/** Bytes of an ordinary message in the log, about. */
const ORDINARY_BYTES = 150;
/** How many have a second deployment on their Redis. */
const WITH_NEIGHBOUR = 0.08;
/** Two scopes each that must not meet (K7). */
const SCOPES = [
  [{}, { database: 1 }],
  [{ database: 1 }, { database: 11 }],
  [{}, { keyPrefix: 'two:' }],
  [{ keyPrefix: 'a' }, { keyPrefix: 'ab' }],
  [{ keyPrefix: 'a:' }, { keyPrefix: 'a:', database: 1 }],
] as const;
const MEMBERS_MAX = 100;
/** At most this many framed members of a large session send, as in a small one: each message goes to everybody. */
const SENDERS_MAX = 4;
/** How many of the seeds write to a session's sockets as to one group; in the others each is written to. */
const WITH_GROUPS = { large: 0.7, small: 0.1 } as const;
/** Values of `MESSAGE_MAX_BYTES`, from the least on. */
const MESSAGE_LIMITS = [512, 1_024, 4_096, 4_096, 16_384, 16_384, 16_384, 65_536] as const;
/** Each memory holds at least this many times `MESSAGE_MAX_BYTES` (B6). */
const LEAST_MEMORY = 8;

/**
 * Adds to a plan what its scenario has more than the first. Only some seeds have each of it, because it costs time.
 * Whatever else a seed has drawn stays as it was.
 */
export function vary(random: SeededRandom, plan: Plan, scenario: Scenario): Plan {
  if (scenario === 1) return plan;
  const sized = random.chance(WITH_LARGE_MESSAGES) ? withLargeMessages(random.fork('sizes'), plan) : plan;
  const isLarge = random.chance(WITH_LARGE_SESSION);
  const sessions = isLarge ? withLargeSession(random.fork('members'), sized.sessions) : sized.sessions;
  const hasGroups = random.chance(isLarge ? WITH_GROUPS.large : WITH_GROUPS.small);
  // The API gives each sender a key.
  const varied = { ...sized, sessions, hasGroups, storedKey: 'server' };
  const second = random.fork('second deployment');
  const shared = scenario >= 3 && second.chance(WITH_NEIGHBOUR) ? withNeighbour(second, varied) : varied;
  const bytes = random.fork('log bytes');
  return scenario >= 4 && bytes.chance(WITH_SMALL_LOGS) ? withSmallLogs(bytes, shared) : shared;
}

/** Logs that have room for a few of a seed's messages. */
function withSmallLogs(random: SeededRandom, plan: Plan): Plan {
  const most = plan.largeMessages ? random.int(1, 12) * plan.largeMessages.limit : random.int(5, 60) * ORDINARY_BYTES;
  const maxBytes = Math.round(most * (0.5 + random.next()));
  return { ...plan, config: { ...plan.config, sessions: { ...plan.config.sessions, maxBytes } } };
}

function withLargeMessages(random: SeededRandom, plan: Plan): Plan {
  const limit = random.pick(MESSAGE_LIMITS);
  const scarce = (probability: number, ample: number) =>
    random.chance(probability) ? random.int(LEAST_MEMORY * limit, 2 * LEAST_MEMORY * limit) : ample;
  const memory: Config['memory'] = {
    tailBytes: scarce(0.25, DEFAULTS.memory.tailBytes),
    outageBufferBytes: scarce(0.25, DEFAULTS.memory.outageBufferBytes),
    maxBackpressureBytes: scarce(0.5, DEFAULTS.memory.maxBackpressureBytes),
  };
  const sessions = { ...plan.config.sessions, messageMaxBytes: limit };
  return { ...plan, config: { ...plan.config, sessions, memory }, largeMessages: largeMessages(random, limit, memory) };
}

/** Memories that no run fills are no bounds. */
function largeMessages(random: SeededRandom, limit: number, memory: Config['memory']): LargeMessagesPlan {
  const memories = Object.values(memory).filter((bytes) => bytes <= DEFAULTS.memory.maxBackpressureBytes);
  const chunk = Math.min(HISTORY_CHUNK_BYTES, memory.maxBackpressureBytes);
  return { limit, share: random.pick([0.05, 0.1, 0.1, 0.3, 0.6]), bounds: [BATCH_BYTES, chunk, ...memories] };
}

function withLargeSession(random: SeededRandom, [first, ...others]: readonly SessionPlan[]): readonly SessionPlan[] {
  if (!first) return others;
  const least = first.framed + first.plain;
  const members = Math.round(least * (MEMBERS_MAX / least) ** random.next());
  const plain = Math.round(members * random.pick([0, 0.1, 0.3]));
  return [{ ...first, framed: members - plain, plain, senders: SENDERS_MAX }, ...others];
}

/** A small deployment beside the drawn one, with a session of the same id. */
function withNeighbour(random: SeededRandom, plan: Plan): Plan {
  const [own, others] = random.shuffle(random.pick(SCOPES));
  const drawn = drawPlan(random.fork('plan'), random.int(0, 2));
  const neighbour: Plan = {
    ...drawn,
    config: scoped(drawn.config, others),
    gateways: random.int(1, 2),
    sessions: [{ framed: random.int(1, 2), plain: random.int(0, 1), stored: 0 }],
    sends: random.int(2, 6),
    busyMs: plan.busyMs,
    hasLosses: plan.hasLosses,
    absentMs: 0,
  };
  return { ...plan, config: scoped(plan.config, own), neighbour };
}

function scoped(config: Config, scope: NameScope | undefined): Config {
  return { ...config, redis: { ...config.redis, ...scope } };
}
