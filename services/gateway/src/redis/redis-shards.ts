import type { FanOut } from '@holdfast/fan-out';
import type { Names } from '@holdfast/session-store';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { Clock, Timer } from '../ports/clock.js';
import { CANARY_EVERY_MS, Canary } from './canary.js';
import { type SessionShard, type ShardChange, ShardHealth } from './shard-health.js';

export interface RedisShardsOptions {
  readonly fanOut: FanOut;
  readonly names: Pick<Names, 'canaryChannel'>;
  readonly logger: Logger;
  readonly metrics: RedisMetrics;
  readonly clock: Clock;
  /** Begins the names of the canaries' channels; no other gateway has it. */
  readonly name: string;
}

interface Shard {
  readonly health: ShardHealth;
  canary: Canary;
}

/** One shard stands for all while a cluster's shards are not known. */
const UNKNOWN: readonly string[] = [''];

/**
 * The shards of Redis: one without a cluster, else one for each master. Each has its own health and its own canary
 * (F3), so that a shard that is away takes no other with it (D6).
 */
export class RedisShards {
  readonly #options: RedisShardsOptions;
  readonly #shards = new Map<string, Shard>();
  readonly #listeners: ((change: ShardChange) => void)[] = [];
  /** The array that the fan-out gave last; it gives another one when the shards have changed. */
  #known: readonly string[] = [];
  #timer: Timer | undefined;
  #running = false;

  constructor(options: RedisShardsOptions) {
    this.#options = options;
    this.#follow();
  }

  /** Whether any shard is away. */
  get away(): boolean {
    return [...this.#shards.values()].some(({ health }) => health.away);
  }

  /** Whether every canary comes back in time. */
  get heard(): boolean {
    return [...this.#shards.values()].every(({ canary }) => canary.alive);
  }

  /** Milliseconds since a canary last came back, of the shard where that is longest ago. */
  get canaryAgeMs(): number {
    return Math.max(...[...this.#shards.values()].map(({ canary }) => canary.ageMs));
  }

  /** Calls back after a shard went away or came back. Which one, each session asks its own shard. */
  onChange(listener: (change: ShardChange) => void): void {
    this.#listeners.push(listener);
  }

  /** The shard of the session that has this channel. The result stays valid when the session's slot moves. */
  of(channel: string): SessionShard {
    return new MovingShard(() => this.#healthOf(channel));
  }

  start(): void {
    this.#running = true;
    for (const { canary } of this.#shards.values()) canary.start();
    this.#tick();
  }

  stop(): void {
    this.#running = false;
    this.#options.clock.clearTimeout(this.#timer);
    for (const shard of this.#shards.values()) stop(shard);
  }

  #tick(): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#tick(), CANARY_EVERY_MS);
    this.#follow();
  }

  #healthOf(channel: string): ShardHealth {
    const name = this.#options.fanOut.shardOf(channel);
    if (!this.#shards.has(name)) this.#follow();
    const shard = this.#shards.get(name) ?? this.#shards.values().next().value;
    if (!shard) throw new Error('there is no shard');
    return shard.health;
  }

  /** Takes over which shards there are: a failover, or a node that came or went, may have changed them. */
  #follow(): void {
    const { shards } = this.#options.fanOut;
    if (shards === this.#known && this.#shards.size > 0) return;
    this.#known = shards;
    const names = shards.length === 0 ? UNKNOWN : shards;
    const before = [...this.#shards];
    // Shards that are gone come first, because a new shard's canary may take over a channel of theirs.
    for (const [name, shard] of before) {
      if (names.includes(name)) continue;
      this.#shards.delete(name);
      stop(shard);
    }
    for (const name of names) {
      const shard = this.#shards.get(name);
      if (!shard) this.#add(name);
      else if (!this.#livesOn(name, shard.canary.channel)) this.#replaceCanary(name, shard);
    }
    // Slots may have moved from a shard that is away to one that answers.
    const away = before.filter(([, { health }]) => health.away);
    for (const [, { health }] of away) health.release();
    if (away.length > 0) this.#changed('back');
  }

  #add(name: string): void {
    const { logger, clock, metrics } = this.#options;
    const health = new ShardHealth({
      logger: name === '' ? logger : logger.child({ shard: name }),
      metrics,
      clock,
      onAnswer: () => this.#measure(),
      onChange: (change) => this.#changed(change),
    });
    this.#shards.set(name, { health, canary: this.#newCanary(name, health) });
  }

  /**
   * The slot of the canary's channel has moved to another shard: the canary goes on with a channel that is still here.
   */
  #replaceCanary(name: string, shard: Shard): void {
    shard.canary.stop();
    shard.canary = this.#newCanary(name, shard.health);
  }

  #newCanary(shard: string, health: ShardHealth): Canary {
    const { fanOut, clock } = this.#options;
    const canary = new Canary({ fanOut, clock, health, channel: this.#canaryChannel(shard), shard });
    if (this.#running) canary.start();
    return canary;
  }

  #livesOn(shard: string, channel: string): boolean {
    return shard === '' || this.#options.fanOut.shardOf(channel) === shard;
  }

  /** The first numbered channel name whose slot is on the shard; one of the first few is. */
  #canaryChannel(shard: string): string {
    const { name, names } = this.#options;
    for (let number = 0; ; number++) {
      const channel = names.canaryChannel(number === 0 ? name : `${name}:${number}`);
      if (this.#livesOn(shard, channel)) return channel;
    }
  }

  #changed(change: ShardChange): void {
    this.#measure();
    for (const listener of this.#listeners) listener(change);
  }

  #measure(): void {
    this.#options.metrics.up = !this.away;
  }
}

/**
 * Passes every call to the shard that a channel lives on at that moment. Rooms keep this object for hours, also while
 * they wait for a shard that is away, and a cluster can move their slot meanwhile: a {@link ShardHealth} of its own
 * would leave a room waiting for a shard that has gone.
 */
class MovingShard implements SessionShard {
  readonly #health: () => ShardHealth;

  constructor(health: () => ShardHealth) {
    this.#health = health;
  }

  get current(): ShardHealth {
    return this.#health();
  }

  get away(): boolean {
    return this.#health().away;
  }

  back(): Promise<void> {
    return this.#health().back();
  }

  worked(): void {
    this.#health().worked();
  }

  failed(error: unknown): void {
    this.#health().failed(error);
  }

  doesNotStore(error: unknown): void {
    this.#health().doesNotStore(error);
  }
}

function stop({ health, canary }: Shard): void {
  canary.stop();
  health.stop();
}
