/** Receives what was published. The bytes are the listener's to keep. */
export type Listener = (payload: Buffer) => void;

/**
 * Publish and subscribe between gateways. Delivery is at most once and in publish order per channel: whatever must
 * not be lost is looked up in the session's log (F2).
 */
export interface FanOut {
  /**
   * Subscribes a channel; one listener each. Resolves when the subscription is confirmed: whatever is published
   * after that is heard, unless the connection breaks, which {@link onInterrupted} tells. Rejects, leaving nothing
   * behind, when there is no connection, or when it is unsubscribed before it was confirmed.
   */
  subscribe(channel: string, listener: Listener): Promise<void>;
  /** Resolves when confirmed; the listener hears nothing from the call on. */
  unsubscribe(channel: string): Promise<void>;
  /** @returns how many subscribers the server counted */
  publish(channel: string, payload: string | Buffer): Promise<number>;
  /** Called after subscriptions were lost and made again, with their channels: anything may have been missed (F4). */
  onInterrupted(listener: (channels: readonly string[]) => void): void;
  /** Parts of Redis that can be away one by one (D6): one, or a cluster's masters. Another array after each change. */
  readonly shards: readonly string[];
  /** The part that a channel lives on now; none of {@link shards} while that is not known. */
  shardOf(channel: string): string;
  /** Whether a shard's subscriber connection is up, as far as this side can see. */
  connectedTo(shard: string): boolean;
  /** Drops a shard's subscriber connection that looks alive and hears nothing, and makes it anew (F3). */
  reconnect(shard: string): void;
  /** Ends all subscriptions. */
  close(): Promise<void>;
}

/** Where operator broadcasts go (V9, P5): every gateway of every colour listens. */
export const BROADCAST_CHANNEL = 'holdfast:broadcast';
