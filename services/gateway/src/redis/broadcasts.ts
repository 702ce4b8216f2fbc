import type { FanOut } from '@holdfast/fan-out';
import { BROADCAST_LEVELS, type BroadcastFrame } from '@holdfast/protocol';
import type { Logger } from '@holdfast/telemetry';
import type { Clock, Timer } from '../ports/clock.js';
import type { SessionShard } from './shard-health.js';

export interface BroadcastsOptions {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  /** The channel of broadcasts. */
  readonly channel: string;
  /** The shard that the channel of broadcasts lives on. */
  readonly shard: Pick<SessionShard, 'worked' | 'failed'>;
  readonly logger: Logger;
  /** Gives a broadcast to every connection of the gateway. */
  readonly tell: (frame: BroadcastFrame) => void;
}

/** Milliseconds between two attempts to subscribe. */
const RETRY_MS = 1_000;

/**
 * Receives what operators say to everybody (V9). Broadcasts are not stored: what is published while the gateway is not
 * subscribed is not delivered.
 */
export class Broadcasts {
  readonly #options: BroadcastsOptions;
  #timer: Timer | undefined;
  #state: 'idle' | 'subscribed' | 'stopped' = 'idle';

  constructor(options: BroadcastsOptions) {
    this.#options = options;
  }

  /** Tries to subscribe until it succeeds, because a gateway also starts while Redis is away (D1). */
  start(): void {
    const { clock, channel, fanOut, shard } = this.#options;
    fanOut
      .subscribe(channel, (payload) => this.#receive(payload))
      .then(
        () => {
          shard.worked();
          if (this.#state === 'stopped') this.#unsubscribe();
          else this.#state = 'subscribed';
        },
        (error: unknown) => {
          shard.failed(error);
          if (this.#state !== 'stopped') this.#timer = clock.setTimeout(() => this.start(), RETRY_MS);
        },
      );
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
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
    const frame = readBroadcast(payload);
    if (frame) this.#options.tell(frame);
    else this.#options.logger.warn('Payload on the broadcast channel cannot be read');
  }
}

/** The frame of V9, field by field. Undefined for anything else: whoever reaches Redis can publish on the channel. */
function readBroadcast(payload: Buffer): BroadcastFrame | undefined {
  const { id, title, message, level, timestamp } = readObject(payload.toString());
  const known = BROADCAST_LEVELS.find((each) => each === level);
  if (typeof message !== 'string' || typeof timestamp !== 'number' || known === undefined) return undefined;
  return {
    type: 'broadcast',
    ...(typeof id === 'string' ? { id } : {}),
    title: typeof title === 'string' ? title : '',
    message,
    level: known,
    timestamp,
  };
}

/** The object that a JSON text holds; an empty one for any other text. */
function readObject(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
