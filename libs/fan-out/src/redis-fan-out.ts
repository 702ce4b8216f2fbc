import type { Cluster, Redis } from 'ioredis';
import type { FanOut, Listener } from './port.js';

export interface RedisFanOutOptions {
  /** A connection for nothing else, which does not resubscribe by itself. In a cluster: with sharded subscribers. */
  readonly subscriber: Redis | Cluster;
  /** Any command connection. */
  readonly publisher: Redis | Cluster;
  /** Runs a callback once the current turn of the event loop is over. Default `setImmediate`. */
  readonly defer?: (callback: () => void) => void;
}

/** Channels in one SUBSCRIBE after a reconnect: a few milliseconds of the server's time. */
const RESUBSCRIBE_CHUNK = 1_000;

interface WaitingSubscribe {
  readonly channel: string;
  readonly confirmed: () => void;
  readonly failed: (error: unknown) => void;
}

/** {@link FanOut} on Redis pub/sub; in a cluster on sharded pub/sub (K3). One subscriber connection (F1). */
export class RedisFanOut implements FanOut {
  readonly #subscriber: Redis | Cluster;
  readonly #publisher: Redis | Cluster;
  readonly #defer: (callback: () => void) => void;
  readonly #listeners = new Map<string, Listener>();
  /** Channels the server has confirmed: what must be subscribed again after the connection broke. */
  readonly #confirmed = new Set<string>();
  readonly #interrupted: ((channels: readonly string[]) => void)[] = [];
  #waiting: WaitingSubscribe[] = [];
  #closed = false;

  constructor(options: RedisFanOutOptions) {
    this.#subscriber = options.subscriber;
    this.#publisher = options.publisher;
    this.#defer = options.defer ?? ((callback) => void setImmediate(callback));
    const deliver = (channel: Buffer, payload: Buffer): void => {
      // The parser's slice pins a whole network chunk; a listener may keep what it gets (F5).
      this.#listeners.get(channel.toString('latin1'))?.(Buffer.from(payload));
    };
    if (this.#subscriber.isCluster) this.#subscriber.on('smessageBuffer', deliver);
    else this.#subscriber.on('messageBuffer', deliver);
    this.#subscriber.on('ready', () => void this.#resubscribe());
  }

  get connected(): boolean {
    return this.#subscriber.status === 'ready';
  }

  subscribe(channel: string, listener: Listener): Promise<void> {
    if (this.#listeners.has(channel)) return Promise.reject(new Error(`${channel} is subscribed already`));
    this.#listeners.set(channel, listener);
    return new Promise((confirmed, failed) => {
      this.#waiting.push({ channel, confirmed, failed });
      if (this.#waiting.length === 1) this.#defer(() => void this.#flush());
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#confirmed.delete(channel);
    if (!this.#listeners.delete(channel) || !this.connected) return;
    if (this.#subscriber.isCluster) await this.#subscriber.sunsubscribe(channel);
    else await this.#subscriber.unsubscribe(channel);
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    const publisher = this.#publisher;
    const heard = await (publisher.isCluster
      ? publisher.spublish(channel, payload)
      : publisher.publish(channel, payload));
    return Number(heard);
  }

  onInterrupted(listener: (channels: readonly string[]) => void): void {
    this.#interrupted.push(listener);
  }

  reconnect(): void {
    this.#subscriber.disconnect(true);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#confirmed.clear();
    this.#subscriber.disconnect();
  }

  /** Subscribes everything asked for in this turn of the event loop with one command. */
  async #flush(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      await this.#command(batch.map((entry) => entry.channel));
      for (const entry of batch) {
        this.#confirmed.add(entry.channel);
        entry.confirmed();
      }
    } catch (error) {
      for (const entry of batch) {
        this.#listeners.delete(entry.channel);
        entry.failed(error);
      }
    }
  }

  async #command(channels: readonly string[]): Promise<void> {
    const subscriber = this.#subscriber;
    // Shard channels of one command must share a slot.
    if (subscriber.isCluster) await Promise.all(channels.map((channel) => subscriber.ssubscribe(channel)));
    else await subscriber.subscribe(...channels);
  }

  async #resubscribe(): Promise<void> {
    const channels = [...this.#confirmed];
    for (let at = 0; at < channels.length && !this.#closed; at += RESUBSCRIBE_CHUNK) {
      const chunk = channels.slice(at, at + RESUBSCRIBE_CHUNK);
      try {
        await this.#command(chunk);
      } catch {
        // The connection broke again: the next `ready` starts over with all channels.
        return;
      }
      for (const listener of this.#interrupted) listener(chunk);
    }
  }
}
