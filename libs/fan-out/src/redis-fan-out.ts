import type { Cluster, Redis } from 'ioredis';
import type { FanOut, Listener } from './port.js';
import { type ConnectNode, ShardedSubscriber } from './sharded-subscriber.js';
import { PlainSubscriber, type Subscriber } from './subscriber.js';

/** One connection to subscribe on, or for a cluster a way to connect to each node that the publisher knows. */
type Connections =
  | {
      /** Used for nothing else; does not restore subscriptions by itself. */
      readonly subscriber: Redis;
      /** Any command connection. */
      readonly publisher: Redis;
    }
  | { readonly subscriber: ConnectNode; readonly publisher: Cluster };

export type RedisFanOutOptions = Connections & {
  /** Runs a callback once the current turn of the event loop is over. Default `setImmediate`. */
  readonly defer?: (callback: () => void) => void;
};

interface Subscription {
  readonly channel: string;
  readonly listener: Listener;
  /** `waiting`: for the end of the turn, to be sent together with others. */
  state: 'waiting' | 'sent' | 'confirmed';
  /** Settles the caller's promise; absent once it is settled. */
  asked: { readonly confirmed: () => void; readonly failed: (error: unknown) => void } | undefined;
}

/** The publishing half of a fan-out, for processes that only publish. It needs no connection of its own. */
export class RedisPublisher implements Pick<FanOut, 'publish'> {
  readonly #client: Redis | Cluster;

  /** @param client any command connection */
  constructor(client: Redis | Cluster) {
    this.#client = client;
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    const client = this.#client;
    const heard = await (client.isCluster ? client.spublish(channel, payload) : client.publish(channel, payload));
    return Number(heard);
  }
}

/** {@link FanOut} on Redis pub/sub, in a cluster on sharded pub/sub (K3). One subscriber connection a shard (F1). */
export class RedisFanOut implements FanOut {
  readonly #subscriber: Subscriber;
  readonly #publisher: RedisPublisher;
  readonly #defer: (callback: () => void) => void;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #interrupted: ((channels: readonly string[]) => void)[] = [];
  #waiting: Subscription[] = [];

  constructor(options: RedisFanOutOptions) {
    this.#publisher = new RedisPublisher(options.publisher);
    this.#defer = options.defer ?? ((callback) => void setImmediate(callback));
    const owner = {
      // The payload is a slice of a network chunk, which must not stay in memory for as long as a listener keeps it (F5).
      message: (channel: string, payload: Buffer) => this.#subscriptions.get(channel)?.listener(Buffer.from(payload)),
      confirmedChannels: () => [...this.#subscriptions.keys()].filter(owner.isConfirmed),
      isConfirmed: (channel: string) => this.#subscriptions.get(channel)?.state === 'confirmed',
      restored: (channels: readonly string[]) => {
        if (channels.length > 0) for (const listener of this.#interrupted) listener(channels);
      },
    };
    this.#subscriber =
      typeof options.subscriber === 'function'
        ? new ShardedSubscriber(options.publisher as Cluster, options.subscriber, owner)
        : new PlainSubscriber(options.subscriber, owner);
  }

  get shards(): readonly string[] {
    return this.#subscriber.shards;
  }

  shardOf(channel: string): string {
    return this.#subscriber.shardOf(channel);
  }

  connectedTo(shard: string): boolean {
    return this.#subscriber.connectedTo(shard);
  }

  subscribe(channel: string, listener: Listener): Promise<void> {
    if (this.#subscriptions.has(channel)) return Promise.reject(new Error(`${channel} is subscribed already`));
    return new Promise((confirmed, failed) => {
      const subscription: Subscription = {
        channel,
        listener,
        state: 'waiting',
        asked: { confirmed, failed },
      };
      this.#subscriptions.set(channel, subscription);
      this.#waiting.push(subscription);
      if (this.#waiting.length === 1) this.#defer(() => this.#flush());
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    const subscription = this.#subscriptions.get(channel);
    if (!subscription) return;
    this.#drop(subscription, 'was unsubscribed');
    if (subscription.state !== 'waiting') await this.#subscriber.unsubscribe(channel);
  }

  publish(channel: string, payload: string | Buffer): Promise<number> {
    return this.#publisher.publish(channel, payload);
  }

  onInterrupted(listener: (channels: readonly string[]) => void): void {
    this.#interrupted.push(listener);
  }

  reconnect(shard: string): void {
    this.#subscriber.reconnect(shard);
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions.values()) this.#drop(subscription, 'was closed');
    this.#subscriber.close();
  }

  /** Sends the subscriptions that were asked for in one turn of the event loop together. */
  #flush(): void {
    const batch = this.#waiting.filter((subscription) => this.#isWanted(subscription));
    this.#waiting = [];
    for (const subscription of batch) subscription.state = 'sent';
    const outcomes = this.#subscriber.subscribe(batch.map(({ channel }) => channel));
    for (const [index, subscription] of batch.entries()) {
      outcomes[index]?.then(
        () => this.#settle(subscription),
        (error: unknown) => this.#fail(subscription, error),
      );
    }
  }

  #settle(subscription: Subscription): void {
    if (!this.#isWanted(subscription)) return;
    subscription.state = 'confirmed';
    subscription.asked?.confirmed();
    subscription.asked = undefined;
  }

  #fail(subscription: Subscription, error: unknown): void {
    if (!this.#isWanted(subscription)) return;
    this.#subscriptions.delete(subscription.channel);
    // A command that timed out may have been carried out all the same.
    this.#subscriber.unsubscribe(subscription.channel).catch(() => {
      // The connection answers neither command, so that it is about to end, and its subscriptions with it.
    });
    subscription.asked?.failed(error);
  }

  #isWanted(subscription: Subscription): boolean {
    return this.#subscriptions.get(subscription.channel) === subscription;
  }

  #drop(subscription: Subscription, why: string): void {
    this.#subscriptions.delete(subscription.channel);
    subscription.asked?.failed(new Error(`${subscription.channel} ${why}`));
  }
}
