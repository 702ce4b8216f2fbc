import { connectionClosed, onSlotMoved, shardChannels } from '@holdfast/redis-client';
import type { Redis } from 'ioredis';

/** The subscriber of all shards, as one shard's link sees it. */
export interface ShardLinkOwner {
  message(channel: string, payload: Buffer): void;
  /** The connection is ready, for the first time or again. These subscriptions were lost with the one before. */
  reconnected(channels: readonly string[]): void;
  /** The server has ended these subscriptions, because their slot has moved (A7). */
  ended(channels: readonly string[]): void;
}

/** Channels that are asked for before the answers are waited for. */
const CHUNK = 1_000;

/** The subscriber connection of one shard, and the channels that are subscribed on it. */
export class ShardLink {
  /** `host:port` of the shard's master. */
  readonly node: string;
  /** Confirmed subscriptions. */
  readonly channels = new Set<string>();
  readonly #redis: Redis;
  readonly #owner: ShardLinkOwner;
  /** Shared by all callers that wait for the connection. */
  #opening: Promise<void> | undefined;
  #check: NodeJS.Immediate | undefined;
  /** The connection was told to end, and its status does not show that yet. */
  #isDropping = false;

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
      this.#isDropping = false;
    });
    // The event comes once for each channel of the slot: one check at the end of the turn is enough.
    onSlotMoved(redis, () => {
      this.#check ??= setImmediate(() => this.#findEnded());
    });
  }

  get connected(): boolean {
    return this.#redis.status === 'ready' && !this.#isDropping;
  }

  /** Resolves when the connection is ready. Rejects when it cannot be made, at once if that is known already. */
  opened(): Promise<void> {
    if (this.connected) return Promise.resolve();
    if (this.#isDropping || this.#redis.status === 'reconnecting') {
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

  /** Channels of one command must share a slot, and each channel has its own: so one command subscribes one channel. */
  async subscribe(channel: string): Promise<void> {
    await this.#redis.ssubscribe(channel);
    this.channels.add(channel);
  }

  /** Stops at the first chunk that loses the connection. @returns the channels that are subscribed now */
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
      // A connection that has ended has no subscriptions.
      if (this.connected) throw error;
    }
  }

  reconnect(): void {
    if (!this.connected) return;
    this.#isDropping = true;
    this.#redis.disconnect(true);
  }

  close(): void {
    clearImmediate(this.#check);
    this.#redis.disconnect();
  }

  #findEnded(): void {
    this.#check = undefined;
    const subscribed = new Set(shardChannels(this.#redis));
    const ended = [...this.channels].filter((channel) => !subscribed.has(channel));
    for (const channel of ended) this.channels.delete(channel);
    this.#owner.ended(ended);
  }
}
