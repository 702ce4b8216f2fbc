import { Cluster } from 'ioredis';
import { type RedisClient, refusalOf } from './create-redis.js';
import { slotOwners } from './ioredis-internals.js';
import { connectionClosed, type RedisErrorKind, redisErrorKind } from './redis-errors.js';

export interface RedisWatchOptions {
  /** Its commands fail at once, or in time, when Redis is away. */
  readonly client: RedisClient;
  readonly metrics: { up: boolean; failed(kind: RedisErrorKind): void };
  /** Called once each time Redis is found away, with the reason. */
  readonly onAway: (reason: string) => void;
  /** Called once each time Redis answers again. */
  readonly onBack: () => void;
}

const CHECK_EVERY_MS = 1_000;
/** A Redis that has neither accepted nor refused the first connection after this time counts as away. */
const FIRST_CONNECTION_MS = 3_000;

/**
 * Checks every second whether Redis answers, keeps the metric up to date, and reports each change once (D2).
 *
 * While the first connection is being made Redis counts as down, and nothing is reported: a readiness probe often comes
 * before that connection, and an orderly start is no outage.
 */
export class RedisWatch {
  readonly #options: RedisWatchOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #onReady = () => {
    this.#connecting = false;
    void this.check();
  };
  readonly #onClose = () => {
    this.#connecting = false;
  };
  readonly #startedAt = performance.now();
  /** Whether the first connection is still being made. */
  #connecting = true;
  #up: boolean | undefined;

  constructor(options: RedisWatchOptions) {
    this.#options = options;
    this.#connecting = options.client.status !== 'ready';
    this.#timer = setInterval(() => void this.check(), CHECK_EVERY_MS);
    options.client.on('ready', this.#onReady);
    options.client.on('close', this.#onClose);
  }

  /** Whether Redis answered the last check; false before the first. */
  get up(): boolean {
    return this.#up ?? false;
  }

  /** Checks now. @returns whether Redis answers */
  async check(): Promise<boolean> {
    const { client, metrics, onAway, onBack } = this.#options;
    if (this.#connecting && performance.now() - this.#startedAt < FIRST_CONNECTION_MS) return false;
    let reason: string | undefined;
    try {
      await pingAll(client);
    } catch (error) {
      metrics.failed(redisErrorKind(error));
      reason = refusalOf(client) ?? (error instanceof Error ? error.message : String(error));
    }
    const before = this.#up;
    this.#up = reason === undefined;
    metrics.up = this.#up;
    if (reason !== undefined && before !== false) onAway(reason);
    if (reason === undefined && before === false) onBack();
    return this.#up;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#options.client.off('ready', this.#onReady);
    this.#options.client.off('close', this.#onClose);
  }
}

/**
 * Asks Redis, or every master of a cluster that has slots, for an answer.
 *
 * @throws {Error} the first failure
 */
async function pingAll(client: RedisClient): Promise<void> {
  if (!(client instanceof Cluster)) {
    await client.ping();
    return;
  }
  const owners = new Set(slotOwners(client).filter((node) => node !== undefined));
  const connected = new Map(client.nodes('master').map((node) => [`${node.options.host}:${node.options.port}`, node]));
  const missing = [...owners].find((owner) => !connected.has(owner));
  if (missing !== undefined || owners.size === 0) {
    // ioredis connects to a node again whose connection broke when it has read the map of slots.
    client.refreshSlotsCache();
    throw connectionClosed(missing ?? 'no node of the cluster is known');
  }
  await Promise.all([...owners].map((owner) => connected.get(owner)?.ping()));
}
