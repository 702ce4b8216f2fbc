import type { FanOut } from '@holdfast/fan-out';
import type { SessionLog } from '@holdfast/session-store';
import type { GatewayMetrics, Logger } from '@holdfast/telemetry';
import type { Clock } from '../ports/clock.js';
import type { PublishToGroup } from '../ports/socket.js';
import type { RedisShards } from '../redis/redis-shards.js';
import type { SessionStorage } from '../redis/shard-health.js';
import type { AppendScheduler } from './append-scheduler.js';
import type { Deletions } from './deletions.js';
import type { PublishWatch } from './publish-watch.js';
import type { Reporter } from './reporter.js';
import type { TailBudget } from './tail-budget.js';

/** Most bytes of history handed over at once where send buffers allow as much. */
export const HISTORY_CHUNK_BYTES = 65_536;

/** What the rooms of a gateway share. */
export interface GatewayContext {
  readonly log: SessionLog;
  readonly fanOut: FanOut;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reporter: Reporter;
  readonly shards: RedisShards;
  /** Whether sessions live on more shards than one. */
  readonly sharded: boolean;
  readonly deletions: Deletions;
  readonly metrics: GatewayMetrics;
  /** When appends are sent (A2). */
  readonly appendScheduler: AppendScheduler;
  readonly publishWatch: PublishWatch;
  readonly tailBudget: TailBudget;
  /** Messages accepted from members but not stored yet, over all sessions. */
  readonly unstored: ByteBudget;
  readonly publishToGroup: PublishToGroup | undefined;
  /** A member's backlog may have this much (F6). Bytes. */
  readonly maxBackpressureBytes: number;
  readonly historyMax: number;
  /** Most bytes of history that a member is handed before it has taken them (F6). */
  readonly historyChunkBytes: number;
  /** From 0 up to 1. */
  random(): number;
}

/** What a room needs of its gateway. */
export interface RoomContext extends GatewayContext {
  /** Of the shard that the room's session lives on. */
  readonly storage: SessionStorage;
}

/** Bytes taken of a limit (D2). */
export class ByteBudget {
  #used = 0;
  constructor(readonly limit: number) {}

  get used(): number {
    return this.#used;
  }

  /** @returns whether there was room for them */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.limit) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
