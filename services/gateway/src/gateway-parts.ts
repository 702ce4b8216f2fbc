import type { Config } from '@holdfast/config';
import type { FanOut } from '@holdfast/fan-out';
import { namesOf, type OrderStore, type SessionLog } from '@holdfast/session-store';
import type { Logger, Metrics, ProcessLoad } from '@holdfast/telemetry';
import type { Clock } from './ports/clock.js';
import type { PublishToGroup } from './ports/socket.js';
import { RedisShards } from './redis/redis-shards.js';
import { Unconfirmed } from './redis/unconfirmed.js';
import type { GatewayContext } from './rooms/gateway-context.js';
import { AppendScheduler } from './shared/append-scheduler.js';
import { Deletions } from './shared/deletions.js';
import { HistoryPages } from './shared/history-pages.js';
import { HistoryTurns } from './shared/history-turns.js';
import { ByteBudget, TailBudget } from './shared/memory-budgets.js';
import { PublishWatch } from './shared/publish-watch.js';
import { Reporter } from './shared/reporter.js';

/** What a gateway is made with. */
export interface GatewayDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Stores messages, and publishes what it has stored. */
  readonly sessionLog: SessionLog;
  /** Brings what all gateways publish. */
  readonly fanOut: FanOut;
  /** Has what operators have ordered about users and sessions; absent: nobody orders anything. */
  readonly orders?: OrderStore | undefined;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** From 0 up to 1. */
  readonly random?: () => number;
  /** Makes ids that no other process makes, of the characters of C2. Default: UUIDs. */
  readonly newId?: () => string;
  /** Sends one frame to a whole group of sockets; absent: every socket is sent its frames by itself. */
  readonly publishToGroup?: PublishToGroup;
  /** What the process is short of (B7); absent: nothing. */
  readonly load?: Pick<ProcessLoad, 'shortage' | 'readiness'> | undefined;
  /** Least time between two rounds of appends, milliseconds (A2). Default 1. */
  readonly appendIntervalMs?: number;
}

/** Most bytes of history handed to a member at once, where send buffers allow as much (F6). */
export const HISTORY_CHUNK_BYTES = 65_536;
/** A message stays in memory at most this long (F5). */
const TAIL_AGE_MS = 24 * 3_600_000;
/** The same, with every default in its place. */
type Settled = Required<Omit<GatewayDependencies, 'publishToGroup' | 'load' | 'orders'>> & {
  readonly publishToGroup: PublishToGroup | undefined;
};

/** Makes the parts that all rooms of a gateway share. */
export function createContext(dependencies: Settled): GatewayContext {
  const { config, logger, metrics, sessionLog, fanOut, clock, random, newId, appendIntervalMs, publishToGroup } =
    dependencies;
  const names = namesOf(config.redis);
  return {
    log: sessionLog,
    fanOut,
    names,
    clock,
    logger,
    reporter: new Reporter(logger),
    unconfirmed: new Unconfirmed(clock, logger, metrics.gateway),
    deletions: new Deletions(clock, config.sessions.ttl * 1000),
    shards: new RedisShards({ fanOut, names, logger, metrics: metrics.redis, clock, name: newId() }),
    sharded: config.redis.mode === 'cluster',
    metrics: metrics.gateway,
    appendScheduler: new AppendScheduler(clock, appendIntervalMs),
    publishWatch: new PublishWatch(clock),
    historyPages: new HistoryPages({
      log: sessionLog,
      clock,
      metrics: metrics.gateway,
      shardOf: (sessionId) => fanOut.shardOf(names.liveChannel(sessionId)),
    }),
    historyTurns: new HistoryTurns(clock),
    tailBudget: new TailBudget({ bytes: config.memory.tailBytes, ageMs: TAIL_AGE_MS }, () => clock.monotonic()),
    unstored: new ByteBudget(config.memory.outageBufferBytes),
    publishToGroup,
    maxBackpressureBytes: config.memory.maxBackpressureBytes,
    logBounds: { entries: config.sessions.historyMax, bytes: config.sessions.maxBytes },
    historyChunkBytes: Math.min(HISTORY_CHUNK_BYTES, config.memory.maxBackpressureBytes),
    random,
  };
}
