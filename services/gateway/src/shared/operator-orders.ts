import type { FanOut } from '@holdfast/fan-out';
import { ORDER_KINDS, ORDER_PAGE, type OrderKind, type OrderStore, type Orders } from '@holdfast/session-store';
import type { Timer } from '../ports/clock.js';
import { ConfirmedChannel, type ConfirmedChannelOptions } from '../redis/confirmed-channel.js';
import type { Unconfirmed } from '../redis/unconfirmed.js';
import { RecentMap } from './recent-map.js';

export interface OperatorOrdersOptions extends Pick<ConfirmedChannelOptions, 'clock' | 'channel' | 'shard'> {
  readonly fanOut: FanOut;
  readonly store: OrderStore;
  readonly unconfirmed: Unconfirmed;
  /** How long orders of each kind are heeded, milliseconds. */
  readonly keepMs: Readonly<Record<OrderKind, number>>;
  /** Hears of orders that are new to this gateway. */
  readonly obey: (kind: OrderKind, orders: Orders) => void;
}

/** Most names that wait to be looked up; when there are more, all orders are read instead. */
const WAITING_MAX = 1_000;
/** Least time between two reads of all orders. Milliseconds. */
const READ_ALL_MS = 1_000;
/** So many orders are put back in one call. */
const PUT_BACK = 500;
/** Orders of a kind that are remembered in any case; twice as many take about 40 MB. */
const REMEMBERED = 100_000;

/**
 * What operators have ordered about users and sessions, as far as this gateway knows (U13): it hears of new orders, and
 * reads all of them when it may have missed some. What it knows and Redis has lost it puts back.
 */
export class OperatorOrders {
  readonly #options: OperatorOrdersOptions;
  readonly #channel: ConfirmedChannel;
  readonly #known: Readonly<Record<OrderKind, RecentMap<number>>>;
  #readTimer: Timer | undefined;
  #isReading = false;
  /** All orders have to be read once more. */
  #hasMissed = false;

  constructor(options: OperatorOrdersOptions) {
    this.#options = options;
    const { clock, fanOut, channel, keepMs, unconfirmed } = options;
    this.#known = {
      revoked: new RecentMap({ keepMs: keepMs.revoked, most: REMEMBERED }),
      disconnected: new RecentMap({ keepMs: keepMs.disconnected, most: REMEMBERED }),
    };
    this.#channel = new ConfirmedChannel({
      ...{ clock, fanOut, channel, shard: options.shard },
      waitingMax: WAITING_MAX,
      read: (payload) => {
        if (orderIn(payload)) return payload;
        unconfirmed.ignored('unreadable');
        return undefined;
      },
      look: (payloads) => this.#look(payloads),
      onOverflow: () => this.#missed(),
      onSubscribed: () => this.#missed(),
    });
    fanOut.onInterrupted((channels) => {
      if (channels.includes(channel)) this.#missed();
    });
  }

  /** Since when the tokens of a user count; undefined: since ever. Unix milliseconds. */
  revokedBefore(sub: string): number | undefined {
    return this.#known.revoked.get(sub, this.#options.clock.now());
  }

  start(): void {
    this.#channel.start();
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#readTimer);
    this.#channel.stop();
  }

  async #look(payloads: readonly string[]): Promise<void> {
    const { store, unconfirmed } = this.#options;
    for (const kind of ORDER_KINDS) {
      const names = payloads.map(orderIn).flatMap((order) => (order?.kind === kind ? [order.name] : []));
      if (names.length === 0) continue;
      const moments = await store.find(kind, names);
      const found = names.flatMap((name, index): [string, number][] => {
        const ms = moments[index];
        if (ms === undefined) unconfirmed.ignored('order');
        return ms === undefined ? [] : [[name, ms]];
      });
      this.#note(kind, found);
    }
  }

  /** Orders may have come that were not heard here: all of them are read, now or when the read before is long enough ago. */
  #missed(): void {
    this.#hasMissed = true;
    if (this.#isReading || this.#readTimer || this.#channel.stopped) return;
    this.#hasMissed = false;
    this.#isReading = true;
    void this.#readAll().then(() => {
      this.#isReading = false;
      if (this.#channel.stopped) return;
      this.#readTimer = this.#options.clock.setTimeout(() => {
        this.#readTimer = undefined;
        if (this.#hasMissed) this.#missed();
      }, READ_ALL_MS);
    });
  }

  async #readAll(): Promise<void> {
    const { shard } = this.#options;
    try {
      for (const kind of ORDER_KINDS) await this.#readKind(kind);
    } catch (error) {
      shard.failed(error);
      this.#hasMissed = true;
    }
  }

  async #readKind(kind: OrderKind): Promise<void> {
    const { store, keepMs, clock } = this.#options;
    const read = new Map<string, number>();
    for (let at = 0; ; at += ORDER_PAGE) {
      const page = await store.page(kind, at);
      for (const [name, ms] of page) read.set(name, ms);
      if (page.size < ORDER_PAGE) break;
    }
    this.#note(kind, read);
    const nowMs = clock.now();
    const lost = [...this.#known[kind].entries(nowMs)].filter(
      ([name, ms]) => ms > (read.get(name) ?? 0) && ms > nowMs - keepMs[kind],
    );
    for (let at = 0; at < lost.length; at += PUT_BACK) {
      await store.keep(kind, new Map(lost.slice(at, at + PUT_BACK)), { keepMs: keepMs[kind] });
    }
  }

  /** Remembers what Redis has, and has what is new obeyed. */
  #note(kind: OrderKind, orders: Iterable<readonly [string, number]>): void {
    const { keepMs, clock, obey } = this.#options;
    const known = this.#known[kind];
    const nowMs = clock.now();
    const news = new Map<string, number>();
    for (const [name, ms] of orders) {
      if (ms <= nowMs - keepMs[kind] || ms <= (known.get(name, nowMs) ?? 0)) continue;
      known.set(name, ms, nowMs);
      news.set(name, ms);
    }
    if (news.size > 0 && !this.#channel.stopped) obey(kind, news);
  }
}

/** What a payload says: the kind of an order, a space, and its name. */
function orderIn(payload: string): { readonly kind: OrderKind; readonly name: string } | undefined {
  const kind = ORDER_KINDS.find((each) => payload.startsWith(`${each} `));
  // The longest name is that of a user or a session, behind its kind.
  return kind && payload.length <= 160 ? { kind, name: payload.slice(kind.length + 1) } : undefined;
}
