import type { FanOut } from '@holdfast/fan-out';
import { BROADCAST_LEVELS, type BroadcastFrame, isSendId } from '@holdfast/protocol';
import type { SessionLog } from '@holdfast/session-store';
import type { Clock, Timer } from '../ports/clock.js';
import type { RateLimit } from '../ports/rate-limit.js';
import type { SessionShard } from './shard-health.js';
import { looksIntoRedis, type Unconfirmed } from './unconfirmed.js';

export interface BroadcastsOptions {
  readonly fanOut: FanOut;
  readonly clock: Clock;
  /** The channel of broadcasts. */
  readonly channel: string;
  /** The shard that the channel of broadcasts lives on. */
  readonly shard: Pick<SessionShard, 'worked' | 'failed'>;
  /** Has every broadcast that the API has accepted within the last minute. */
  readonly log: Pick<SessionLog, 'broadcast'>;
  readonly unconfirmed: Unconfirmed;
  /** Gives a broadcast to every connection of the gateway. */
  readonly tell: (frame: BroadcastFrame) => void;
}

/** Milliseconds between two attempts to subscribe. */
const RETRY_MS = 1_000;
/** Most broadcasts that wait to be looked up; more are ignored. */
const WAITING_MAX = 100;
/** Most ids that are remembered, so that nobody can repeat a broadcast while it is kept. */
const TOLD_MAX = 1_000;

/**
 * Receives what operators say to everybody (V9). What is published while the gateway is not subscribed is not delivered.
 * Whoever may publish can claim anything: what is told is what Redis keeps under the broadcast's id (F8).
 */
export class Broadcasts {
  readonly #options: BroadcastsOptions;
  readonly #looks: RateLimit;
  /** Ids that were published and are not looked up yet. */
  #waiting = new Set<string>();
  /** The newest ids that were told. */
  readonly #told = new Set<string>();
  #timer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #state: 'idle' | 'subscribed' | 'stopped' = 'idle';

  constructor(options: BroadcastsOptions) {
    this.#options = options;
    this.#looks = looksIntoRedis(options.clock.monotonic());
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
    const { id } = readObject(payload.toString());
    if (!isSendId(id)) return this.#options.unconfirmed.ignored('unreadable');
    if (this.#told.has(id)) return;
    if (this.#waiting.size < WAITING_MAX) this.#waiting.add(id);
    else this.#options.unconfirmed.ignored('broadcast');
    this.#look();
  }

  #look(): void {
    if (this.#lookTimer || this.#waiting.size === 0 || this.#state === 'stopped') return;
    const waitMs = this.#looks.take(this.#options.clock.monotonic());
    if (waitMs > 0) this.#lookIn(waitMs);
    else void this.#tellKept();
  }

  #lookIn(ms: number): void {
    this.#lookTimer ??= this.#options.clock.setTimeout(() => {
      this.#lookTimer = undefined;
      this.#look();
    }, ms);
  }

  /** Tells those of the waiting broadcasts that Redis keeps, in the order in which they were published. */
  async #tellKept(): Promise<void> {
    const { log, shard } = this.#options;
    const ids = [...this.#waiting];
    this.#waiting = new Set();
    try {
      const kept = await Promise.all(ids.map((id) => log.broadcast(id)));
      for (const [index, id] of ids.entries()) this.#tell(id, kept[index]);
    } catch (error) {
      shard.failed(error);
      this.#waiting = new Set([...ids, ...this.#waiting]);
      this.#lookIn(RETRY_MS);
    }
  }

  #tell(id: string, json: string | undefined): void {
    const { tell, unconfirmed } = this.#options;
    if (this.#state === 'stopped' || this.#told.has(id)) return;
    const frame = json === undefined ? undefined : readBroadcast(json);
    if (!frame) return unconfirmed.ignored('broadcast');
    this.#told.add(id);
    for (const oldest of this.#told) {
      if (this.#told.size <= TOLD_MAX) break;
      this.#told.delete(oldest);
    }
    tell(frame);
  }
}

/** The frame of V9, field by field; undefined for anything else. */
function readBroadcast(json: string): BroadcastFrame | undefined {
  const { id, title, message, level, timestamp } = readObject(json);
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
