import type { FanOut } from '@holdfast/fan-out';
import type { Clock, Timer } from '../ports/clock.js';
import type { SessionShard } from './shard-health.js';

/** How often the gateway sends a canary to itself. */
export const CANARY_EVERY_MS = 500;
/** A canary that takes longer to come back is late: then the subscriber connects anew. */
const LATE_MS = 1_000;

export interface CanaryOptions {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  /** Is told after every canary whether Redis took it. */
  readonly health: Pick<SessionShard, 'worked' | 'failed'>;
  /** A channel that lives on the shard, and that no other gateway uses. */
  readonly channel: string;
  readonly shard: string;
}

/**
 * A message that the gateway publishes to itself, over and over (F3). When canaries stop coming back the subscription
 * is dead, even where the socket looks alive; the shard's subscriber then connects anew. Publishing a canary also shows
 * whether Redis answers at all.
 */
export class Canary {
  readonly #options: CanaryOptions;
  /** When a canary last came back, or when the subscription was made, also anew. */
  #receivedMs: number;
  /** When the oldest canary was sent that Redis took and that has not come back; undefined when none is missing. */
  #missingSinceMs: number | undefined;
  #subscribed = false;
  /** One canary is sent at a time: calls that Redis does not answer must not pile up. */
  #sending = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#receivedMs = options.clock.monotonic();
  }

  get channel(): string {
    return this.#options.channel;
  }

  /** Milliseconds since a canary last came back, or since the subscription was made anew. */
  get ageMs(): number {
    return this.#options.clock.monotonic() - this.#receivedMs;
  }

  /** Whether canaries come back in time. Counts from the last one received, so the pause between two is allowed for. */
  get alive(): boolean {
    return this.#subscribed && this.ageMs <= LATE_MS + CANARY_EVERY_MS;
  }

  start(): void {
    if (!this.#sending) void this.#send();
    this.#timer = this.#options.clock.setTimeout(() => this.start(), CANARY_EVERY_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  async #send(): Promise<void> {
    const { clock, fanOut, health, channel, shard } = this.#options;
    this.#sending = true;
    try {
      if (!this.#subscribed) await this.#subscribe();
      const sentMs = clock.monotonic();
      const isLate = this.#missingSinceMs !== undefined && sentMs - this.#missingSinceMs > LATE_MS;
      if (isLate && fanOut.connectedTo(shard)) this.#reconnect();
      await fanOut.publish(channel, 'canary');
      // Counted from the sending of a canary, not from the last one received: a gateway whose process stood still has
      // sent none meanwhile, so that none is missing.
      if (this.#receivedMs < sentMs) this.#missingSinceMs ??= sentMs;
      if (!this.#stopped) health.worked();
    } catch (error) {
      if (!this.#stopped) health.failed(error);
    } finally {
      this.#sending = false;
    }
  }

  async #subscribe(): Promise<void> {
    await this.#options.fanOut.subscribe(this.#options.channel, () => this.#received());
    this.#subscribed = true;
    this.#received();
    if (this.#stopped) this.#unsubscribe();
  }

  #unsubscribe(): void {
    if (!this.#subscribed) return;
    this.#options.fanOut.unsubscribe(this.#options.channel).catch((error: unknown) => {
      this.#options.health.failed(error);
    });
  }

  #received(): void {
    this.#receivedMs = this.#options.clock.monotonic();
    this.#missingSinceMs = undefined;
  }

  #reconnect(): void {
    this.#options.fanOut.reconnect(this.#options.shard);
    // The new connection has the whole time again before its canaries count as late.
    this.#received();
  }
}
