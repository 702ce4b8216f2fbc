import type { Cluster } from 'ioredis';
import { keySlot } from './key-slot.js';
import type { Subscriber, SubscriberOwner } from './subscriber.js';

/**
 * {@link Subscriber} on a cluster's sharded pub/sub: ioredis keeps a connection per shard and subscribes again by
 * itself when a shard's connection broke or its slots moved, but does not say which channels that were. Here each
 * channel is remembered with the node whose connection it is subscribed on.
 */
export class ShardedSubscriber implements Subscriber {
  readonly #cluster: Cluster;
  readonly #owner: SubscriberOwner;
  /** The node each channel is subscribed on; nothing while that is lost. */
  readonly #nodes = new Map<string, string | undefined>();
  /** Unsubscribed while there was no connection to tell: ioredis would subscribe them again. */
  readonly #unwanted = new Set<string>();
  /** Nodes that are being asked whether they are back. */
  readonly #asking = new Set<string>();
  /** ioredis has subscribed again before it calls the cluster ready. */
  #resubscribed = false;

  constructor(cluster: Cluster, owner: SubscriberOwner) {
    this.#cluster = cluster;
    this.#owner = owner;
    cluster.on('smessageBuffer', (channel: Buffer, payload: Buffer) =>
      owner.message(channel.toString('latin1'), payload),
    );
    // The pool of command connections emits it too, without a name.
    cluster.on('-node', (_connection: unknown, node?: string) => this.#lose((of) => of === node));
    cluster.on('subscribersReady', () => {
      if (this.connected) this.#restore();
      else this.#resubscribed = true;
    });
    cluster.on('close', () => {
      this.#resubscribed = false;
      this.#lose(() => true);
    });
    cluster.on('ready', () => {
      this.#forgetUnwanted();
      if (this.#resubscribed) this.#restore();
    });
  }

  get connected(): boolean {
    return this.#cluster.status === 'ready';
  }

  /** Channels of one command must share a slot: each has its own, and shards that are up do not wait for others. */
  subscribe(channels: readonly string[]): readonly Promise<unknown>[] {
    return channels.map((channel) => this.#subscribe(channel));
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#nodes.delete(channel);
    if (this.connected) await this.#cluster.sunsubscribe(channel);
    else this.#unwanted.add(channel);
  }

  reconnect(): void {
    this.#cluster.disconnect(true);
  }

  close(): void {
    this.#nodes.clear();
    this.#cluster.disconnect();
  }

  async #subscribe(channel: string): Promise<void> {
    this.#unwanted.delete(channel);
    const node = this.#nodeOf(channel);
    await this.#cluster.ssubscribe(channel);
    this.#nodes.set(channel, node);
  }

  #forgetUnwanted(): void {
    for (const channel of this.#unwanted) {
      this.#cluster.sunsubscribe(channel).catch(() => {
        // Its shard is away and has nothing subscribed; that ioredis was asked is enough for it to forget the channel.
      });
    }
    this.#unwanted.clear();
  }

  #nodeOf(channel: string): string | undefined {
    return this.#cluster.slots[keySlot(channel)]?.[0];
  }

  #lose(isLost: (node: string | undefined) => boolean): void {
    for (const [channel, node] of this.#nodes) if (isLost(node)) this.#nodes.set(channel, undefined);
  }

  /** Asks each node that has got lost channels, or channels of moved slots, whether it is back. */
  #restore(): void {
    const lost = new Map<string, string[]>();
    for (const [channel, was] of this.#nodes) {
      const node = this.#nodeOf(channel);
      if (node === undefined || node === was) continue;
      const channels = lost.get(node) ?? [];
      channels.push(channel);
      lost.set(node, channels);
    }
    for (const [node, channels] of lost) void this.#confirm(node, channels);
  }

  /**
   * ioredis has sent what it subscribes again; a node answers in order. So the answer to one more command on the same
   * connection, to unsubscribe what nobody has subscribed, confirms all before it.
   */
  async #confirm(node: string, channels: readonly string[]): Promise<void> {
    const [first] = channels;
    if (first === undefined || this.#asking.has(node)) return;
    this.#asking.add(node);
    try {
      await this.#cluster.sunsubscribe(fenceBeside(first));
    } catch {
      // The node is still away, or away again: ioredis goes on trying, and tells when it has subscribed again.
      return;
    } finally {
      this.#asking.delete(node);
    }
    const restored = channels.filter((channel) => this.#nodes.has(channel) && this.#nodeOf(channel) === node);
    for (const channel of restored) this.#nodes.set(channel, node);
    this.#owner.restored(restored.filter((channel) => this.#owner.isConfirmed(channel)));
  }
}

/** A channel of the same slot that is never subscribed. */
function fenceBeside(channel: string): string {
  return channel.includes('{') ? `${channel}:fence` : `{${channel}}:fence`;
}
