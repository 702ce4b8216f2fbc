import type { FanOut } from '@holdfast/fan-out';
import type { Clock, Timer } from '../ports/clock.js';
import type { SessionStorage } from './shard-health.js';

/** How often the gateway speaks to itself, and how long it may hear nothing (F3). */
export const CANARY_EVERY_MS = 500;
const SILENCE_MS = 1_000;

export interface CanaryOptions {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  readonly storage: Pick<SessionStorage, 'worked' | 'failed'>;
  /** This gateway's alone, on the shard. */
  readonly channel: string;
  readonly shard: string;
}

/**
 * A message to itself through pub/sub: one that does not come back means that the subscription is dead, even where the
 * socket looks alive (F3). Its publish also tells whether Redis answers at all.
 */
export class Canary {
  readonly #options: CanaryOptions;
  #heardMs: number;
  /** When the oldest canary was sent that Redis took and that has not come back; nothing when none is missing. */
  #missingMs: number | undefined;
  #subscribed = false;
  /** A call that Redis does not answer must not pile up with the next. */
  #singing = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonic();
  }

  get channel(): string {
    return this.#options.channel;
  }

  /** Milliseconds since it last came back. */
  get ageMs(): number {
    return this.#options.clock.monotonic() - this.#heardMs;
  }

  /** Whether it comes back in time. */
  get alive(): boolean {
    return this.#subscribed && this.ageMs <= SILENCE_MS + CANARY_EVERY_MS;
  }

  start(): void {
    if (!this.#singing) void this.#sing();
    this.#timer = this.#options.clock.setTimeout(() => this.start(), CANARY_EVERY_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  async #sing(): Promise<void> {
    const { clock, fanOut, storage, channel, shard } = this.#options;
    this.#singing = true;
    try {
      if (!this.#subscribed) await this.#subscribe();
      const sentMs = clock.monotonic();
      const isDeaf = this.#missingMs !== undefined && sentMs - this.#missingMs > SILENCE_MS;
      if (isDeaf && fanOut.connectedTo(shard)) this.#giveUp();
      await fanOut.publish(channel, 'canary');
      // A gateway that was held up itself has sent none meanwhile, and misses none.
      if (this.#heardMs < sentMs) this.#missingMs ??= sentMs;
      if (!this.#stopped) storage.worked();
    } catch (error) {
      if (!this.#stopped) storage.failed(error);
    } finally {
      this.#singing = false;
    }
  }

  async #subscribe(): Promise<void> {
    await this.#options.fanOut.subscribe(this.#options.channel, () => this.#heard());
    this.#subscribed = true;
    this.#heard();
    if (this.#stopped) this.#unsubscribe();
  }

  #unsubscribe(): void {
    if (!this.#subscribed) return;
    this.#options.fanOut.unsubscribe(this.#options.channel).catch((error: unknown) => {
      this.#options.storage.failed(error);
    });
  }

  #heard(): void {
    this.#heardMs = this.#options.clock.monotonic();
    this.#missingMs = undefined;
  }

  #giveUp(): void {
    this.#options.fanOut.reconnect(this.#options.shard);
    // The new connection has as long as the first one.
    this.#heard();
  }
}
