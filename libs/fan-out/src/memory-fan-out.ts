import type { FanOut, Listener } from './port.js';

/** Takes the place of Redis for the {@link MemoryFanOut}s of one process. */
export class MemoryBroker {
  readonly #subscribers = new Map<string, Set<Listener>>();
  readonly #defer: (deliver: () => void) => void;

  /**
   * @param defer runs deliveries later, in order. By default each is a microtask, so that `publish` returns before any
   *   listener runs.
   */
  constructor(defer: (deliver: () => void) => void = queueMicrotask) {
    this.#defer = defer;
  }

  publish(channel: string, payload: string | Buffer): number {
    const listeners = this.#subscribers.get(channel);
    if (!listeners) return 0;
    const bytes = Buffer.from(payload);
    for (const listener of listeners) {
      this.#defer(() => {
        if (this.#subscribers.get(channel)?.has(listener)) listener(bytes);
      });
    }
    return listeners.size;
  }

  subscribers(channel: string): number {
    return this.#subscribers.get(channel)?.size ?? 0;
  }

  add(channel: string, listener: Listener): void {
    const listeners = this.#subscribers.get(channel) ?? new Set();
    this.#subscribers.set(channel, listeners.add(listener));
  }

  remove(channel: string, listener: Listener): void {
    const listeners = this.#subscribers.get(channel);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#subscribers.delete(channel);
  }
}

/** {@link FanOut} inside one process: for the embedded mode, tests and the simulation. Never interrupted. */
export class MemoryFanOut implements FanOut {
  readonly shards: readonly string[] = [''];
  readonly #broker: MemoryBroker;
  readonly #listeners = new Map<string, Listener>();

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  async subscribe(channel: string, listener: Listener): Promise<void> {
    if (this.#listeners.has(channel)) throw new Error(`${channel} is subscribed already`);
    // The broker tells listeners apart by identity, and two subscribers may hand in the same one.
    const own: Listener = (payload) => listener(payload);
    this.#listeners.set(channel, own);
    this.#broker.add(channel, own);
  }

  async unsubscribe(channel: string): Promise<void> {
    const listener = this.#listeners.get(channel);
    this.#listeners.delete(channel);
    if (listener) this.#broker.remove(channel, listener);
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    return this.#broker.publish(channel, payload);
  }

  onInterrupted(): void {
    // Nothing is ever missed inside one process.
  }

  shardOf(): string {
    return '';
  }

  connectedTo(): boolean {
    return true;
  }

  reconnect(): void {
    // There is no connection.
  }

  async close(): Promise<void> {
    for (const [channel, listener] of this.#listeners) this.#broker.remove(channel, listener);
    this.#listeners.clear();
  }
}
