import type { Cluster, Redis } from 'ioredis';
import type { FanOut } from './port.js';

/** The half of a fan-out for those that only publish: it needs no connection of its own. */
export class RedisPublisher implements Pick<FanOut, 'publish'> {
  readonly #client: Redis | Cluster;

  /** @param client any command connection */
  constructor(client: Redis | Cluster) {
    this.#client = client;
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    const client = this.#client;
    const heard = await (client.isCluster ? client.spublish(channel, payload) : client.publish(channel, payload));
    return Number(heard);
  }
}
