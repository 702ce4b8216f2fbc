import { eventually, type RedisCluster, type RedisServer, startCluster, startRedis } from '@holdfast/testkit';
import { Cluster, Redis } from 'ioredis';
import { type FanOut, MemoryBroker, MemoryFanOut, RedisFanOut } from '../src/index.js';

/** One implementation of the port, for the contract. */
export interface FanOuts {
  /** A fan-out that receives what the others publish. */
  create(): Promise<FanOut>;
  close(): Promise<void>;
}

/** A connection as the product makes them: nothing queued, nothing sent twice. */
const OPTIONS = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  // Longer than an answer takes on a busy machine.
  commandTimeout: 10_000,
  retryStrategy: () => 20,
};

export function memoryFanOuts(): FanOuts {
  const broker = new MemoryBroker();
  return { create: async () => new MemoryFanOut(broker), close: async () => undefined };
}

export interface RedisFanOuts extends FanOuts {
  readonly server: RedisServer;
}

/** @param commandTimeout milliseconds until a command without an answer is given up */
export async function redisFanOuts(commandTimeout = OPTIONS.commandTimeout): Promise<RedisFanOuts> {
  const server = await startRedis();
  const clients: Redis[] = [];
  const connect = async (): Promise<Redis> => {
    const client = new Redis({ ...OPTIONS, commandTimeout, port: server.port });
    client.on('error', () => undefined);
    clients.push(client);
    await eventually('the connection', () => client.status === 'ready', { everyMs: 2 });
    return client;
  };
  return {
    server,
    create: async () => new RedisFanOut({ subscriber: await connect(), publisher: await connect() }),
    close: async () => {
      for (const client of clients) client.disconnect();
      await server.kill();
    },
  };
}

export interface ClusterFanOuts extends FanOuts {
  readonly cluster: RedisCluster;
}

export async function clusterFanOuts(): Promise<ClusterFanOuts> {
  const cluster = await startCluster();
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const clients: (Cluster | Redis)[] = [];
  const subscriber = (address: { host: string; port: number }): Redis => {
    const client = new Redis({ ...OPTIONS, ...address });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  const connect = async (): Promise<Cluster> => {
    const client = new Cluster(nodes, {
      redisOptions: OPTIONS,
      enableOfflineQueue: false,
      clusterRetryStrategy: () => 20,
      slotsRefreshTimeout: 10_000,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      maxRedirections: 5,
    });
    client.on('error', () => undefined);
    clients.push(client);
    await eventually('the connection', () => client.status === 'ready', { everyMs: 2 });
    // A shard's connection is made with its first command, and refuses other commands until it is ready.
    await Promise.all(client.nodes('master').map((node) => node.ping()));
    return client;
  };
  return {
    cluster,
    create: async () => new RedisFanOut({ subscriber, publisher: await connect() }),
    close: async () => {
      for (const client of clients) client.disconnect();
      await Promise.all(cluster.nodes.filter((node) => node.running).map((node) => node.kill()));
    },
  };
}
