import type { FanOut } from '@holdfast/fan-out';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { Clock, Timer } from '../ports/clock.js';
import { CANARY_EVERY_MS, Canary } from './canary.js';
import { type SessionStorage, ShardHealth, type StorageChange } from './shard-health.js';

export interface RedisShardsOptions {
  readonly fanOut: FanOut;
  readonly logger: Logger;
  readonly metrics: RedisMetrics;
  readonly clock: Clock;
  /** Begins the names of the canaries' channels; this gateway's alone. */
  readonly name: string;
}

interface Shard {
  readonly watch: ShardHealth;
  canary: Canary;
}

/** While a cluster's shards are not known yet, they are away, or not, together. */
const UNKNOWN: readonly string[] = [''];

/** The shards of Redis, each with a canary of its own (F3), so that one that is away takes no other with it (D6). */
export class RedisShards {
  readonly #options: RedisShardsOptions;
  readonly #shards = new Map<string, Shard>();
  readonly #listeners: ((change: StorageChange) => void)[] = [];
  #known: readonly string[] = [];
  #timer: Timer | undefined;
  #running = false;

  constructor(options: RedisShardsOptions) {
    this.#options = options;
    this.#follow();
  }

  /** Whether any is away. */
  get away(): boolean {
    return [...this.#shards.values()].some(({ watch }) => watch.away);
  }

  /** Whether every canary comes back in time. */
  get heard(): boolean {
    return [...this.#shards.values()].every(({ canary }) => canary.alive);
  }

  /** Milliseconds since the canary last came back that is the latest. */
  get canaryAgeMs(): number {
    return Math.max(...[...this.#shards.values()].map(({ canary }) => canary.ageMs));
  }

  /** Called after a shard went away, or one came back: each session's own tells whether it is meant. */
  onChange(listener: (change: StorageChange) => void): void {
    this.#listeners.push(listener);
  }

  /** The storage of the session that has this channel, wherever its slot moves. */
  of(channel: string): SessionStorage {
    return new ShardOf(() => this.#watchOf(channel));
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

  #watchOf(channel: string): ShardHealth {
    const name = this.#options.fanOut.shardOf(channel);
    if (!this.#shards.has(name)) this.#follow();
    const shard = this.#shards.get(name) ?? this.#shards.values().next().value;
    if (!shard) throw new Error('there is no shard');
    return shard.watch;
  }

  /** A failover, or a node that came or went, has changed which shards there are. */
  #follow(): void {
    const { shards } = this.#options.fanOut;
    if (shards === this.#known && this.#shards.size > 0) return;
    this.#known = shards;
    const names = shards.length === 0 ? UNKNOWN : shards;
    const before = [...this.#shards];
    // First those that go: their canaries' channels may be the next ones' own.
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
    // Slots may have gone from one that is away to one that is not.
    const away = before.filter(([, { watch }]) => watch.away);
    for (const [, { watch }] of away) watch.release();
    if (away.length > 0) this.#changed('back');
  }

  #add(name: string): void {
    const { logger, clock, metrics } = this.#options;
    const watch = new ShardHealth({
      logger: name === '' ? logger : logger.child({ shard: name }),
      metrics,
      clock,
      onAnswer: () => this.#measure(),
      onChange: (change) => this.#changed(change),
    });
    this.#shards.set(name, { watch, canary: this.#newCanary(name, watch) });
  }

  /** Its channel's slot has moved to another shard. */
  #replaceCanary(name: string, shard: Shard): void {
    shard.canary.stop();
    shard.canary = this.#newCanary(name, shard.watch);
  }

  #newCanary(shard: string, storage: ShardHealth): Canary {
    const { fanOut, clock } = this.#options;
    const canary = new Canary({ fanOut, clock, storage, channel: this.#canaryChannel(shard), shard });
    if (this.#running) canary.start();
    return canary;
  }

  #livesOn(shard: string, channel: string): boolean {
    return shard === '' || this.#options.fanOut.shardOf(channel) === shard;
  }

  /** A channel that lives on the shard: one of the first few that are tried. */
  #canaryChannel(shard: string): string {
    const { name } = this.#options;
    for (let number = 0; ; number++) {
      const channel = `holdfast:canary:${name}${number === 0 ? '' : `:${number}`}`;
      if (this.#livesOn(shard, channel)) return channel;
    }
  }

  #changed(change: StorageChange): void {
    this.#measure();
    for (const listener of this.#listeners) listener(change);
  }

  #measure(): void {
    this.#options.metrics.up = !this.away;
  }
}

/** Whatever shard it is at the time. */
class ShardOf implements SessionStorage {
  readonly #watch: () => ShardHealth;

  constructor(watch: () => ShardHealth) {
    this.#watch = watch;
  }

  get away(): boolean {
    return this.#watch().away;
  }

  back(): Promise<void> {
    return this.#watch().back();
  }

  worked(): void {
    this.#watch().worked();
  }

  failed(error: unknown): void {
    this.#watch().failed(error);
  }

  doesNotStore(error: unknown): void {
    this.#watch().doesNotStore(error);
  }
}

function stop({ watch, canary }: Shard): void {
  canary.stop();
  watch.stop();
}
