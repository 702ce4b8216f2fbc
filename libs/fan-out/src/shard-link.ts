import { connectionClosed, onSlotMoved, shardChannels } from '@holdfast/redis-client';
import type { Redis } from 'ioredis';

/** What a link tells its owner. */
export interface ShardLinkOwner {
  message(channel: string, payload: Buffer): void;
  /** It can be subscribed on, again: these are lost. */
  reconnected(channels: readonly string[]): void;
  /** The server has ended these subscriptions: their slot has moved (A7). */
  ended(channels: readonly string[]): void;
}

/** Channels asked for before the first answer is waited for. */
const CHUNK = 1_000;

/** The subscriber connection of one shard, with the channels that are subscribed on it. */
export class ShardLink {
  readonly node: string;
  readonly channels = new Set<string>();
  readonly #redis: Redis;
  readonly #owner: ShardLinkOwner;
  /** Shared by all that wait for it. */
  #opening: Promise<void> | undefined;
  #looking: NodeJS.Immediate | undefined;
  /** It was told to end, and its status does not say so yet. */
  #dropping = false;

  constructor(node: string, redis: Redis, owner: ShardLinkOwner) {
    this.node = node;
    this.#redis = redis;
    this.#owner = owner;
    redis.on('smessageBuffer', (channel: Buffer, payload: Buffer) =>
      owner.message(channel.toString('latin1'), payload),
    );
    redis.on('ready', () => {
      const lost = [...this.channels];
      this.channels.clear();
      owner.reconnected(lost);
    });
    redis.on('close', () => {
      this.#dropping = false;
    });
    // Told for each channel by itself, when a slot moves with all it has.
    onSlotMoved(redis, () => {
      this.#looking ??= setImmediate(() => this.#lookForEnded());
    });
  }

  get connected(): boolean {
    return this.#redis.status === 'ready' && !this.#dropping;
  }

  /** Resolves when the connection is there; rejects at once, or soon, when it cannot be made. */
  opened(): Promise<void> {
    if (this.connected) return Promise.resolve();
    if (this.#dropping || this.#redis.status === 'reconnecting') {
      return Promise.reject(connectionClosed());
    }
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => () => {
        this.#redis.off('ready', onReady);
        this.#redis.off('close', onClose);
        outcome();
      };
      const onReady = settle(resolve);
      const onClose = settle(() => reject(connectionClosed()));
      this.#redis.on('ready', onReady);
      this.#redis.on('close', onClose);
    });
  }

  /** Channels of one command must share a slot: each has its own. */
  async subscribe(channel: string): Promise<void> {
    await this.#redis.ssubscribe(channel);
    this.channels.add(channel);
  }

  /** @returns those that are subscribed now */
  async subscribeAll(channels: readonly string[]): Promise<string[]> {
    const done: string[] = [];
    for (let at = 0; at < channels.length; at += CHUNK) {
      const chunk = channels.slice(at, at + CHUNK);
      const outcomes = await Promise.allSettled(chunk.map((channel) => this.subscribe(channel)));
      done.push(...chunk.filter((_channel, index) => outcomes[index]?.status === 'fulfilled'));
      if (!this.connected) break;
    }
    return done;
  }

  async unsubscribe(channel: string): Promise<void> {
    this.channels.delete(channel);
    if (!this.connected) return;
    try {
      await this.#redis.sunsubscribe(channel);
    } catch (error) {
      // The end of a connection is the end of its subscriptions.
      if (this.connected) throw error;
    }
  }

  reconnect(): void {
    if (!this.connected) return;
    this.#dropping = true;
    this.#redis.disconnect(true);
  }

  close(): void {
    clearImmediate(this.#looking);
    this.#redis.disconnect();
  }

  #lookForEnded(): void {
    this.#looking = undefined;
    const subscribed = new Set(shardChannels(this.#redis));
    const ended = [...this.channels].filter((channel) => !subscribed.has(channel));
    for (const channel of ended) this.channels.delete(channel);
    this.#owner.ended(ended);
  }
}
