import type { Cluster, Redis } from 'ioredis';
import { guarded } from './guarded.js';
import type { Names } from './keys.js';

/**
 * What operators order about users and sessions. `revoked`: tokens of a user that were issued before a moment count no
 * more (U12). `disconnected`: connections that were opened up to a moment are closed (U11).
 */
export const ORDER_KINDS = ['revoked', 'disconnected'] as const;
export type OrderKind = (typeof ORDER_KINDS)[number];

/**
 * Moments by name, Unix milliseconds. The names of `revoked` are those of users (`sub`); the names of `disconnected` are
 * `user SUB` and `session ID`.
 */
export type Orders = ReadonlyMap<string, number>;

export interface KeepOptions {
  /** Orders whose moment is longer ago are forgotten, milliseconds. */
  readonly keepMs: number;
  /** Nothing is kept while there are so many. Absent: any number is kept. */
  readonly most?: number;
}

/** So many orders are read in one call. */
export const ORDER_PAGE = 1_000;
/** Most orders of a kind that operators may have kept. */
export const ORDERS_MAX = 100_000;
/** How far ahead of now the moment of a revocation may be, for issuers whose clocks are ahead. Milliseconds. */
export const REVOKE_AHEAD_MS = 3_600_000;
/** A gateway that was cut off for longer does not close what was ordered to be closed meanwhile (U13). Milliseconds. */
const DISCONNECTED_MS = 24 * 3_600_000;

/**
 * How long orders of each kind are kept, milliseconds.
 *
 * @param maxTokenSeconds longest life of a token: a revocation is kept until every token that it is about has expired
 */
export function orderKeepMs(maxTokenSeconds: number): Readonly<Record<OrderKind, number>> {
  return { revoked: maxTokenSeconds * 1000 + REVOKE_AHEAD_MS, disconnected: DISCONNECTED_MS };
}

/** Keeps orders for as long as a gateway may have to hear of them. Methods reject as those of `SessionLog` do. */
export interface OrderStore {
  /** Keeps orders; of two for one name the later moment counts. @returns false when nothing was kept, see `most` */
  keep(kind: OrderKind, orders: Orders, options: KeepOptions): Promise<boolean>;
  /** @returns the moment for each name, in their order; undefined where there is no order */
  find(kind: OrderKind, names: readonly string[]): Promise<(number | undefined)[]>;
  /**
   * Reads {@link ORDER_PAGE} orders, those with the latest moments first. An order that is kept while somebody reads page
   * after page may be missing, or come twice.
   *
   * @param at how many to pass over
   */
  page(kind: OrderKind, at: number): Promise<Orders>;
}

/** {@link OrderStore} on Redis: a sorted set for each kind. */
export class RedisOrders implements OrderStore {
  readonly #client: Redis | Cluster;
  readonly #names: Pick<Names, 'ordersKey'>;

  /** @param client any command connection */
  constructor(client: Redis | Cluster, names: Pick<Names, 'ordersKey'>) {
    this.#client = client;
    this.#names = names;
  }

  async keep(kind: OrderKind, orders: Orders, { keepMs, most }: KeepOptions): Promise<boolean> {
    const client = this.#client;
    const key = this.#names.ordersKey(kind);
    const pairs = [...orders].flatMap(([name, ms]) => [ms, name]);
    if (pairs.length === 0) return true;
    return guarded(async () => {
      await client.zremrangebyscore(key, '-inf', `(${Date.now() - keepMs}`);
      if (most !== undefined && (await client.zrange(key, `${most - 1}`, `${most - 1}`)).length > 0) return false;
      // They are sent together, so that no key is left without an expiry (K5).
      await Promise.all([client.zadd(key, 'GT', ...pairs), client.pexpire(key, keepMs)]);
      return true;
    });
  }

  async find(kind: OrderKind, names: readonly string[]): Promise<(number | undefined)[]> {
    const key = this.#names.ordersKey(kind);
    const scores = await guarded(() => Promise.all(names.map((name) => this.#client.zscore(key, name))));
    return scores.map((score) => (score === null ? undefined : Number(score)));
  }

  async page(kind: OrderKind, at: number): Promise<Orders> {
    const key = this.#names.ordersKey(kind);
    // From the latest on: what is forgotten meanwhile is at the other end, so that no other order is passed over.
    const reply = await guarded(() => this.#client.zrange(key, `${at}`, `${at + ORDER_PAGE - 1}`, 'REV', 'WITHSCORES'));
    const orders = new Map<string, number>();
    for (let i = 0; i < reply.length; i += 2) orders.set(reply[i] ?? '', Number(reply[i + 1]));
    return orders;
  }
}

/** {@link OrderStore} in memory, for the embedded mode and tests. */
export class MemoryOrders implements OrderStore {
  readonly #byKind = { revoked: new Map<string, number>(), disconnected: new Map<string, number>() };
  readonly #now: () => number;

  /** @param now Unix milliseconds */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async keep(kind: OrderKind, orders: Orders, { keepMs, most = Number.POSITIVE_INFINITY }: KeepOptions) {
    const kept = this.#byKind[kind];
    for (const [name, ms] of kept) if (ms < this.#now() - keepMs) kept.delete(name);
    if (kept.size >= most) return false;
    for (const [name, ms] of orders) kept.set(name, Math.max(ms, kept.get(name) ?? 0));
    return true;
  }

  async find(kind: OrderKind, names: readonly string[]): Promise<(number | undefined)[]> {
    return names.map((name) => this.#byKind[kind].get(name));
  }

  async page(kind: OrderKind, at: number): Promise<Orders> {
    const latestFirst = [...this.#byKind[kind]].sort(([, one], [, other]) => other - one);
    return new Map(latestFirst.slice(at, at + ORDER_PAGE));
  }

  /** Forgets everything, as a Redis does that restarts empty. */
  clear(): void {
    for (const kind of ORDER_KINDS) this.#byKind[kind].clear();
  }
}
