/** Receives a published payload. The listener may keep the bytes. */
export type Listener = (payload: Buffer) => void;

/**
 * Publish and subscribe between gateways. Delivery is at most once and, per channel, in publish order. A gateway reads
 * the session's log for whatever must not be lost (F2).
 */
export interface FanOut {
  /**
   * Subscribes a channel, which can have one listener. Resolves when the subscription is confirmed: the listener receives
   * whatever is published after that, unless the connection breaks, which {@link onInterrupted} reports.
   *
   * @throws {Error} when there is no connection, or the channel is unsubscribed before the confirmation. No subscription
   *   is left behind.
   */
  subscribe(channel: string, listener: Listener): Promise<void>;
  /** Resolves when confirmed. The listener receives nothing from the call on. */
  unsubscribe(channel: string): Promise<void>;
  /** @returns how many subscribers the server counted */
  publish(channel: string, payload: string | Buffer): Promise<number>;
  /**
   * Adds a listener that is called after subscriptions were lost and made again, with their channels: whatever was
   * published meanwhile may have been missed (F4).
   */
  onInterrupted(listener: (channels: readonly string[]) => void): void;
  /**
   * The parts of Redis that can be away one by one (D6): one, or a cluster's masters as `host:port`. After a change this
   * is another array.
   */
  readonly shards: readonly string[];
  /** The shard that a channel lives on now. While that is not known, the answer is none of {@link shards}. */
  shardOf(channel: string): string;
  /** Whether a shard's subscriber connection is up, as far as this process can see. */
  connectedTo(shard: string): boolean;
  /** Replaces a shard's subscriber connection, for one that looks alive and receives nothing (F3). */
  reconnect(shard: string): void;
  /** Ends all subscriptions. */
  close(): Promise<void>;
}
