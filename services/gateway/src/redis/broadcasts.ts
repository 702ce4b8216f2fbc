import { BROADCAST_LEVELS, type BroadcastFrame, isSendId } from '@holdfast/protocol';
import type { SessionLog } from '@holdfast/session-store';
import { ConfirmedChannel, type ConfirmedChannelOptions } from './confirmed-channel.js';
import type { Unconfirmed } from './unconfirmed.js';

export interface BroadcastsOptions extends Pick<ConfirmedChannelOptions, 'fanOut' | 'clock' | 'channel' | 'shard'> {
  /** Has every broadcast that the API has accepted within the last minute. */
  readonly log: Pick<SessionLog, 'broadcast'>;
  readonly unconfirmed: Unconfirmed;
  /** Gives a broadcast to every connection of the gateway. */
  readonly tell: (frame: BroadcastFrame) => void;
}

/** Most broadcasts that wait to be looked up; more are ignored. */
const WAITING_MAX = 100;
/** Most ids that are remembered, so that nobody can repeat a broadcast while it is kept. */
const TOLD_MAX = 1_000;

/**
 * Receives what operators say to everybody (V9). What is published while the gateway is not subscribed is not delivered.
 * What is told is what Redis keeps under the broadcast's id (F8).
 */
export class Broadcasts {
  readonly #options: BroadcastsOptions;
  readonly #channel: ConfirmedChannel;
  /** The newest ids that were told. */
  readonly #told = new Set<string>();

  constructor(options: BroadcastsOptions) {
    this.#options = options;
    this.#channel = new ConfirmedChannel({
      ...options,
      waitingMax: WAITING_MAX,
      read: (payload) => this.#read(payload),
      look: (ids) => this.#tellKept(ids),
      onOverflow: () => options.unconfirmed.ignored('broadcast'),
    });
  }

  start(): void {
    this.#channel.start();
  }

  stop(): void {
    this.#channel.stop();
  }

  #read(payload: string): string | undefined {
    const { id } = readObject(payload);
    if (isSendId(id)) return this.#told.has(id) ? undefined : id;
    this.#options.unconfirmed.ignored('unreadable');
    return undefined;
  }

  /** Tells those of the broadcasts that Redis keeps, in the order in which they were published. */
  async #tellKept(ids: readonly string[]): Promise<void> {
    const kept = await Promise.all(ids.map((id) => this.#options.log.broadcast(id)));
    for (const [index, id] of ids.entries()) this.#tell(id, kept[index]);
  }

  #tell(id: string, json: string | undefined): void {
    const { tell, unconfirmed } = this.#options;
    if (this.#channel.stopped || this.#told.has(id)) return;
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
