import { BROADCAST_CHANNEL, type FanOut } from '@holdfast/fan-out';
import type { BroadcastFrame } from '@holdfast/protocol';
import type { Logger } from '@holdfast/telemetry';
import type { Clock, Timer } from '../ports/clock.js';
import { readBroadcast } from './read-broadcast.js';
import type { SessionStorage } from './shard-health.js';

export interface BroadcastsOptions {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  readonly storage: SessionStorage;
  readonly logger: Logger;
  /** Gives it to everybody who is connected. */
  readonly tell: (frame: BroadcastFrame) => void;
}

const RETRY_MS = 1_000;

/** Listens for what is said to everybody (V9), from whenever Redis can be listened to. */
export class Broadcasts {
  readonly #options: BroadcastsOptions;
  #timer: Timer | undefined;
  #state: 'idle' | 'listening' | 'stopped' = 'idle';

  constructor(options: BroadcastsOptions) {
    this.#options = options;
  }

  /** Tries until it is subscribed: a gateway also starts while Redis is away (D1). */
  start(): void {
    const { clock, fanOut, storage } = this.#options;
    fanOut
      .subscribe(BROADCAST_CHANNEL, (payload) => this.#receive(payload))
      .then(
        () => {
          storage.worked();
          if (this.#state === 'stopped') this.#unsubscribe();
          else this.#state = 'listening';
        },
        (error: unknown) => {
          storage.failed(error);
          if (this.#state !== 'stopped') this.#timer = clock.setTimeout(() => this.start(), RETRY_MS);
        },
      );
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    if (this.#state === 'listening') this.#unsubscribe();
    this.#state = 'stopped';
  }

  #unsubscribe(): void {
    const { fanOut, storage } = this.#options;
    fanOut.unsubscribe(BROADCAST_CHANNEL).catch((error: unknown) => storage.failed(error));
  }

  #receive(payload: Buffer): void {
    const frame = readBroadcast(payload);
    if (frame) this.#options.tell(frame);
    else this.#options.logger.warn('Payload on the broadcast channel cannot be read');
  }
}
