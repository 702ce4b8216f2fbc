import { onSlotsRead, slotOwners } from '@holdfast/redis-client';
import type { Cluster, Redis } from 'ioredis';
import { keySlot } from './key-slot.js';
import { ShardLink } from './shard-link.js';
import type { Subscriber, SubscriberOwner } from './subscriber.js';

/** Connects to a node for subscriptions. The connection reconnects by itself, and restores no subscription by itself. */
export type ConnectNode = (address: { readonly host: string; readonly port: number }) => Redis;

/** Pause before lost channels are tried again, in milliseconds. */
const PLACE_EVERY_MS = 100;

/**
 * {@link Subscriber} on a cluster's sharded pub/sub, with one connection to each master (F1). The command connections
 * know which master has a slot. When a node refuses a subscription, or ends one because the slot has moved, the channel
 * is subscribed on the node that has the slot then (A7).
 *
 * ioredis' own sharded subscribers are not used: the cost of each subscription there grows with the number of channels,
 * and they do not tell which subscriptions were lost.
 */
export class ShardedSubscriber implements Subscriber {
  readonly #cluster: Cluster;
  readonly #connect: ConnectNode;
  readonly #owner: SubscriberOwner;
  readonly #links = new Map<string, ShardLink>();
  readonly #wanted = new Set<string>();
  /** The link on which each channel is subscribed. */
  readonly #places = new Map<string, ShardLink>();
  /** Channels whose subscription was lost and has to be made again. */
  readonly #lost = new Set<string>();
  /** The master of each slot, as `host:port`. */
  #nodes: readonly (string | undefined)[] = [];
  #shards: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(cluster: Cluster, connect: ConnectNode, owner: SubscriberOwner) {
    this.#cluster = cluster;
    this.#connect = connect;
    this.#owner = owner;
    onSlotsRead(cluster, () => this.#followTopology());
    this.#followTopology();
  }

  get shards(): readonly string[] {
    return this.#shards;
  }

  shardOf(channel: string): string {
    return this.#nodeOf(channel) ?? '';
  }

  connectedTo(shard: string): boolean {
    return this.#links.get(shard)?.connected ?? false;
  }

  subscribe(channels: readonly string[]): readonly Promise<unknown>[] {
    return channels.map((channel) => this.#subscribe(channel));
  }

  async unsubscribe(channel: string): Promise<void> {
    // A channel without a link may be subscribed all the same, by a command that timed out.
    const link = this.#places.get(channel) ?? this.#links.get(this.shardOf(channel));
    this.#wanted.delete(channel);
    this.#places.delete(channel);
    this.#lost.delete(channel);
    await link?.unsubscribe(channel);
  }

  reconnect(shard: string): void {
    this.#links.get(shard)?.reconnect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const link of this.#links.values()) link.close();
  }

  async #subscribe(channel: string): Promise<void> {
    this.#wanted.add(channel);
    const link = this.#links.get(this.shardOf(channel));
    if (!link) throw new Error(`no node of the cluster is known to have the slot of ${channel}`);
    await link.opened();
    if (!this.#wanted.has(channel)) throw new Error(`${channel} was unsubscribed`);
    try {
      await link.subscribe(channel);
    } catch (error) {
      this.#askAgain();
      throw error;
    }
    if (this.#wanted.has(channel)) this.#places.set(channel, link);
  }

  #nodeOf(channel: string): string | undefined {
    return this.#nodes[keySlot(channel)];
  }

  /** Called each time the map of slots was read; most times nothing has changed. */
  #followTopology(): void {
    if (this.#closed) return;
    const nodes = slotOwners(this.#cluster);
    if (nodes.length === this.#nodes.length && nodes.every((node, slot) => node === this.#nodes[slot])) return;
    this.#nodes = nodes;
    this.#shards = [...new Set(nodes)].filter((node) => node !== undefined).toSorted();
    for (const node of this.#shards) if (!this.#links.has(node)) this.#links.set(node, this.#newLink(node));
    for (const [channel, { node }] of this.#places) if (this.#nodeOf(channel) !== node) this.#lost.add(channel);
    for (const [node, link] of this.#links) {
      if (this.#shards.includes(node)) continue;
      this.#links.delete(node);
      link.close();
    }
    void this.#place();
  }

  #newLink(node: string): ShardLink {
    const colon = node.lastIndexOf(':');
    const address = { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) };
    return new ShardLink(node, this.#connect(address), {
      message: this.#owner.message,
      reconnected: (channels) => this.#lose(channels),
      ended: (channels) => {
        this.#lose(channels);
        this.#cluster.refreshSlotsCache();
      },
    });
  }

  #lose(channels: Iterable<string>): void {
    for (const channel of channels) if (this.#places.has(channel)) this.#lost.add(channel);
    void this.#place();
  }

  /** Subscribes lost channels on the nodes that have their slots now. */
  async #place(): Promise<void> {
    const byLink = new Map<ShardLink, string[]>();
    for (const channel of this.#lost) {
      const link = this.#links.get(this.shardOf(channel));
      if (!link?.connected) continue;
      this.#lost.delete(channel);
      const channels = byLink.get(link) ?? [];
      channels.push(channel);
      byLink.set(link, channels);
    }
    await Promise.all([...byLink].map(([link, channels]) => this.#placeOn(link, channels)));
  }

  async #placeOn(link: ShardLink, channels: readonly string[]): Promise<void> {
    const done = new Set(await link.subscribeAll(channels));
    for (const channel of channels) {
      const was = this.#places.get(channel);
      // The channel was unsubscribed meanwhile.
      if (!was) void link.unsubscribe(channel).catch(() => undefined);
      else if (!done.has(channel)) this.#lost.add(channel);
      else {
        this.#places.set(channel, link);
        if (was !== link) void was.unsubscribe(channel).catch(() => undefined);
      }
    }
    if (this.#lost.size > 0) this.#askAgain();
    this.#owner.restored(channels.filter((channel) => done.has(channel) && this.#owner.isConfirmed(channel)));
  }

  /** The map of slots was out of date: reads it again, and then tries lost channels again. */
  #askAgain(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#cluster.refreshSlotsCache(() => void this.#place());
    }, PLACE_EVERY_MS);
  }
}
