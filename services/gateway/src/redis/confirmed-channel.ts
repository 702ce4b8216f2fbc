import type { FanOut } from '@holdfast/fan-out';
import type { Clock, Timer } from '../ports/clock.js';
import type { RateLimit } from '../ports/rate-limit.js';
import type { SessionShard } from './shard-health.js';
import { looksIntoRedis } from './unconfirmed.js';

export interface ConfirmedChannelOptions {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  readonly channel: string;
  /** The shard that the channel lives on. */
  readonly shard: Pick<SessionShard, 'worked' | 'failed'>;
  /** @returns the name of what a payload is about; undefined: there is nothing to look up */
  readonly read: (payload: string) => string | undefined;
  /** Looks names up, and acts on what Redis has of them. While it rejects, the same names are looked up again. */
  readonly look: (names: readonly string[]) => Promise<void>;
  /** Most names that wait to be looked up. */
  readonly waitingMax: number;
  /** A name came while so many waited: it will not be looked up. */
  readonly onOverflow: (name: string) => void;
  /** The channel is subscribed. Subscriptions that are lost later are restored without a further call. */
  readonly onSubscribed?: () => void;
}

/** Milliseconds between two attempts to subscribe, and between two looks after one has failed. */
const RETRY_MS = 1_000;

/**
 * A channel that tells all gateways what operators say. Whoever may publish can claim anything, so that a payload only
 * says what to look for: what counts is what Redis has (F8). A flood of payloads does not become a flood of looks.
 */
export class ConfirmedChannel {
  readonly #options: ConfirmedChannelOptions;
  readonly #looks: RateLimit;
  #waiting = new Set<string>();
  #timer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #state: 'idle' | 'subscribed' | 'stopped' = 'idle';

  constructor(options: ConfirmedChannelOptions) {
    this.#options = options;
    this.#looks = looksIntoRedis(options.clock.monotonic());
  }

  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Tries to subscribe until it succeeds, because a gateway also starts while Redis is away (D1). */
  start(): void {
    const { clock, channel, fanOut, shard, onSubscribed } = this.#options;
    fanOut
      .subscribe(channel, (payload) => this.#receive(payload))
      .then(
        () => {
          shard.worked();
          if (this.stopped) return this.#unsubscribe();
          this.#state = 'subscribed';
          onSubscribed?.();
        },
        (error: unknown) => {
          shard.failed(error);
          if (!this.stopped) this.#timer = clock.setTimeout(() => this.start(), RETRY_MS);
        },
      );
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#options.clock.clearTimeout(this.#lookTimer);
    if (this.#state === 'subscribed') this.#unsubscribe();
    this.#state = 'stopped';
  }

  #unsubscribe(): void {
    const { channel, fanOut, shard } = this.#options;
    fanOut.unsubscribe(channel).catch((error: unknown) => shard.failed(error));
  }

  #receive(payload: Buffer): void {
    // Whoever wants to know whether it may publish here publishes nothing (D7).
    if (payload.length === 0) return;
    const name = this.#options.read(payload.toString());
    if (name === undefined) return;
    if (this.#waiting.size < this.#options.waitingMax) this.#waiting.add(name);
    else this.#options.onOverflow(name);
    this.#look();
  }

  #look(): void {
    if (this.#lookTimer || this.#waiting.size === 0 || this.stopped) return;
    const waitMs = this.#looks.take(this.#options.clock.monotonic());
    if (waitMs > 0) this.#lookIn(waitMs);
    else void this.#lookAtWaiting();
  }

  #lookIn(ms: number): void {
    this.#lookTimer ??= this.#options.clock.setTimeout(() => {
      this.#lookTimer = undefined;
      this.#look();
    }, ms);
  }

  async #lookAtWaiting(): Promise<void> {
    const { look, shard } = this.#options;
    const names = [...this.#waiting];
    this.#waiting = new Set();
    try {
      await look(names);
    } catch (error) {
      shard.failed(error);
      this.#waiting = new Set([...names, ...this.#waiting]);
      this.#lookIn(RETRY_MS);
    }
  }
}
