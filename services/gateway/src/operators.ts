import type { Config } from '@holdfast/config';
import { namesOf, type OrderKind, type OrderStore, type Orders, orderKeepMs } from '@holdfast/session-store';
import type { Logger } from '@holdfast/telemetry';
import type { Connection } from './connection/connection.js';
import { closeOrdered } from './connection/ordered-closes.js';
import { Broadcasts } from './redis/broadcasts.js';
import type { GatewayContext } from './rooms/gateway-context.js';
import { OperatorOrders } from './shared/operator-orders.js';

export interface OperatorsOptions {
  readonly config: Pick<Config, 'redis' | 'auth'>;
  readonly context: GatewayContext & { readonly logger: Logger };
  /** Absent: nobody orders anything. */
  readonly orders: OrderStore | undefined;
  /** All open connections. */
  readonly connections: Iterable<Connection>;
}

/** What operators say to a gateway by way of the API: broadcasts (V9), and whose connections are to be closed (U13). */
export class Operators {
  readonly #options: OperatorsOptions;
  readonly #broadcasts: Broadcasts;
  readonly #orders: OperatorOrders | undefined;

  constructor(options: OperatorsOptions) {
    this.#options = options;
    const { config, context, orders, connections } = options;
    const { broadcastChannel, ordersChannel } = namesOf(config.redis);
    this.#broadcasts = new Broadcasts({
      ...context,
      channel: broadcastChannel,
      shard: context.shards.of(broadcastChannel),
      tell: (frame) => {
        for (const connection of connections) connection.tell(frame);
      },
    });
    if (!orders) return;
    this.#orders = new OperatorOrders({
      ...context,
      channel: ordersChannel,
      shard: context.shards.of(ordersChannel),
      store: orders,
      keepMs: orderKeepMs(config.auth?.maxTokenSeconds ?? 0),
      obey: (kind, given) => this.#obey(kind, given),
    });
  }

  /** Since when the tokens of a user count (U12); undefined: since ever. Unix milliseconds. */
  readonly revokedBefore = (sub: string): number | undefined => this.#orders?.revokedBefore(sub);

  start(): void {
    this.#broadcasts.start();
    this.#orders?.start();
  }

  stop(): void {
    this.#broadcasts.stop();
    this.#orders?.stop();
  }

  #obey(kind: OrderKind, orders: Orders): void {
    const { context, connections } = this.#options;
    const closed = closeOrdered(connections, kind, orders);
    context.logger.info({ kind, orders: orders.size, closed }, 'Operators have ordered connections to be closed');
  }
}
