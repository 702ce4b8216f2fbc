import type { FanOut, Listener } from '@holdfast/fan-out';
import { type Names, type OnUnreadable, openPayload, type Seal, sealPayload } from '@holdfast/session-store';

/**
 * A fan-out whose payloads on the channels of sessions are encrypted (E1). Each is opened once, when it comes; all other
 * channels are left alone.
 */
export class SealedFanOut implements FanOut {
  readonly #inner: FanOut;
  readonly #names: Pick<Names, 'sessionIdOf'>;
  readonly #seal: Seal;
  readonly #onUnreadable: OnUnreadable;

  constructor(inner: FanOut, names: Pick<Names, 'sessionIdOf'>, seal: Seal, onUnreadable: OnUnreadable) {
    this.#inner = inner;
    this.#names = names;
    this.#seal = seal;
    this.#onUnreadable = onUnreadable;
  }

  get shards(): readonly string[] {
    return this.#inner.shards;
  }

  subscribe(channel: string, listener: Listener): Promise<void> {
    const sessionId = this.#names.sessionIdOf(channel);
    if (sessionId === undefined) return this.#inner.subscribe(channel, listener);
    return this.#inner.subscribe(channel, (payload) => {
      listener(openPayload(this.#seal, sessionId, payload, this.#onUnreadable));
    });
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#inner.unsubscribe(channel);
  }

  publish(channel: string, payload: string | Buffer): Promise<number> {
    const sessionId = this.#names.sessionIdOf(channel);
    return this.#inner.publish(
      channel,
      sessionId === undefined ? payload : sealPayload(this.#seal, sessionId, payload),
    );
  }

  onInterrupted(listener: (channels: readonly string[]) => void): void {
    this.#inner.onInterrupted(listener);
  }

  shardOf(channel: string): string {
    return this.#inner.shardOf(channel);
  }

  connectedTo(shard: string): boolean {
    return this.#inner.connectedTo(shard);
  }

  reconnect(shard: string): void {
    this.#inner.reconnect(shard);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
