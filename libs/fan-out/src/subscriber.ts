import { interceptMessages } from '@holdfast/redis-client';
import type { Redis } from 'ioredis';

/** The fan-out, as its subscriber sees it. */
export interface SubscriberOwner {
  /** A message was received. The bytes are valid during the call only. */
  message(channel: string, payload: Buffer): void;
  /** The channels whose subscription was confirmed and is still wanted. */
  confirmedChannels(): readonly string[];
  isConfirmed(channel: string): boolean;
  /** Lost subscriptions of these channels are confirmed again. */
  restored(channels: readonly string[]): void;
}

/** The subscriber connection, or those of a cluster's shards. It restores confirmed subscriptions after a reconnect. */
export interface Subscriber {
  readonly shards: readonly string[];
  shardOf(channel: string): string;
  connectedTo(shard: string): boolean;
  /** @returns for each channel, in order, a promise that resolves when it is confirmed */
  subscribe(channels: readonly string[]): readonly Promise<unknown>[];
  /** Resolves when confirmed, or when there is no connection and so no subscription. */
  unsubscribe(channel: string): Promise<void>;
  reconnect(shard: string): void;
  close(): void;
}

/** The name of the only shard of a Redis that is no cluster. */
const ONE_SHARD = '';
/** Channels in one SUBSCRIBE, which takes the server a few milliseconds. */
const CHUNK = 1_000;

/** {@link Subscriber} on one Redis. The connection must not restore subscriptions by itself. */
export class PlainSubscriber implements Subscriber {
  readonly shards: readonly string[] = [ONE_SHARD];
  readonly #redis: Redis;
  readonly #owner: SubscriberOwner;
  /** Counts restorations, so that an older one notices that a newer one has taken over. */
  #restorations = 0;

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
    this.#restorations += 1;
    this.#redis.disconnect();
  }

  /** Needed on each new connection. */
  #intercept(): void {
    interceptMessages(this.#redis, (channel, payload) => this.#owner.message(channel, payload));
  }

  async #restore(): Promise<void> {
    this.#restorations += 1;
    const own = this.#restorations;
    for (const chunk of chunksOf(this.#owner.confirmedChannels())) {
      const wanted = chunk.filter((channel) => this.#owner.isConfirmed(channel));
      if (wanted.length === 0) continue;
      try {
        await this.#redis.subscribe(...wanted);
      } catch {
        // The connection broke again, or is of no use. On the next one all channels are restored from the start.
        if (this.#restorations === own && this.connectedTo()) this.reconnect();
        return;
      }
      if (this.#restorations !== own) return;
      this.#owner.restored(wanted.filter((channel) => this.#owner.isConfirmed(channel)));
    }
  }
}

function chunksOf(channels: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let at = 0; at < channels.length; at += CHUNK) chunks.push(channels.slice(at, at + CHUNK));
  return chunks;
}
