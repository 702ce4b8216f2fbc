import { interceptMessages } from '@holdfast/redis-client';
import type { Redis } from 'ioredis';

/** What a subscriber needs to know of its owner, and tells it. */
export interface SubscriberOwner {
  message(channel: string, payload: Buffer): void;
  /** Channels whose subscription was confirmed and is still wanted. */
  confirmedChannels(): readonly string[];
  isConfirmed(channel: string): boolean;
  /** Subscriptions were lost, and are confirmed again. */
  restored(channels: readonly string[]): void;
}

/** A connection for subscriptions, or a cluster's set of them; comes back by itself and restores what was confirmed. */
export interface Subscriber {
  readonly shards: readonly string[];
  shardOf(channel: string): string;
  connectedTo(shard: string): boolean;
  /** @returns for each channel when it is confirmed */
  subscribe(channels: readonly string[]): readonly Promise<unknown>[];
  /** Resolves when confirmed, or when there is no connection that could be subscribed. */
  unsubscribe(channel: string): Promise<void>;
  reconnect(shard: string): void;
  close(): void;
}

/** The one shard of a Redis that is no cluster. */
const ONE_SHARD = '';
/** Channels in one SUBSCRIBE: a few milliseconds of the server's time. */
const CHUNK = 1_000;

/** {@link Subscriber} on one Redis. The connection must not resubscribe by itself. */
export class PlainSubscriber implements Subscriber {
  readonly shards: readonly string[] = [ONE_SHARD];
  readonly #redis: Redis;
  readonly #owner: SubscriberOwner;
  #restoring = 0;

  constructor(redis: Redis, owner: SubscriberOwner) {
    this.#redis = redis;
    this.#owner = owner;
    redis.on('messageBuffer', (channel: Buffer, payload: Buffer) => owner.message(channel.toString('latin1'), payload));
    redis.on('ready', () => {
      this.#intercept();
      void this.#restore();
    });
    if (this.connectedTo()) this.#intercept();
  }

  shardOf(): string {
    return ONE_SHARD;
  }

  connectedTo(): boolean {
    return this.#redis.status === 'ready';
  }

  subscribe(channels: readonly string[]): readonly Promise<unknown>[] {
    return chunksOf(channels).flatMap((chunk) => {
      const confirmed = this.#redis.subscribe(...chunk);
      return chunk.map(() => confirmed);
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    if (this.connectedTo()) await this.#redis.unsubscribe(channel);
  }

  reconnect(): void {
    this.#redis.disconnect(true);
  }

  close(): void {
    this.#restoring += 1;
    this.#redis.disconnect();
  }

  /** To be done anew with each connection. */
  #intercept(): void {
    interceptMessages(this.#redis, (channel, payload) => this.#owner.message(channel, payload));
  }

  async #restore(): Promise<void> {
    this.#restoring += 1;
    const turn = this.#restoring;
    for (const chunk of chunksOf(this.#owner.confirmedChannels())) {
      const wanted = chunk.filter((channel) => this.#owner.isConfirmed(channel));
      if (wanted.length === 0) continue;
      try {
        await this.#redis.subscribe(...wanted);
      } catch {
        // Either the connection broke again, or it is of no use: the next one starts over with all channels.
        if (this.#restoring === turn && this.connectedTo()) this.reconnect();
        return;
      }
      if (this.#restoring !== turn) return;
      this.#owner.restored(wanted.filter((channel) => this.#owner.isConfirmed(channel)));
    }
  }
}

function chunksOf(channels: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let at = 0; at < channels.length; at += CHUNK) chunks.push(channels.slice(at, at + CHUNK));
  return chunks;
}
