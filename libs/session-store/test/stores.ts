import { createHash } from 'node:crypto';
import { eventually, type RedisCluster, type RedisServer, startCluster, startRedis } from '@holdfast/testkit';
import { Cluster, Redis } from 'ioredis';
import {
  decodeLive,
  type LiveChannels,
  type LivePayload,
  MemorySessionStore,
  type Names,
  namesOf,
  openPayload,
  RedisSessionStore,
  Seal,
  SealedSessionStore,
  type SessionDirectory,
  type SessionLog,
} from '../src/index.js';

export type Store = SessionLog & SessionDirectory;

export interface StoreOptions {
  readonly defaultTtl?: number;
  readonly historyMax?: number;
  readonly sessionMaxBytes?: number;
  /** 0: duplicates are always looked for in the index (A4). A store in memory has none. */
  readonly searchBytes?: number;
}

/** What a session's channel has brought since the subscription. */
export interface Heard {
  /** Waits until there are that many; fails on a payload that cannot be read. */
  payloads(count: number): Promise<LivePayload[]>;
  stop(): Promise<void>;
}

/** One implementation, as the contracts need it. */
export interface Stores {
  create(options?: StoreOptions): Store;
  listen(sessionId: string): Promise<Heard>;
  /** Brings everything of a session nearer to its expiry. */
  age(sessionId: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Stores in memory, each with a clock; {@link Stores.age} moves that of the newest. */
export function memoryStores(names = namesOf()): Stores {
  const live = new RecordedChannels();
  let newest = { aheadMs: 0 };
  return {
    create: (options = {}) => {
      const clock = { aheadMs: 0 };
      newest = clock;
      return new MemorySessionStore({ live, names, now: () => Date.now() + clock.aheadMs, ...options });
    },
    listen: async (sessionId) => live.listen(names.liveChannel(sessionId)),
    age: async (_sessionId, ms) => {
      newest.aheadMs += ms;
    },
    close: async () => undefined,
  };
}

export interface RedisStores extends Stores {
  readonly server: RedisServer;
  readonly client: Redis;
}

/** A key of encryption by its name. */
export function sealKey(kid: string) {
  return { kid, key: createHash('sha256').update(kid).digest() };
}

/** Stores on a redis-server of their own, in which contents are encrypted (E1). */
export function sealedStores(): Promise<RedisStores> {
  return redisStores('', 0, new Seal([sealKey('k1')]));
}

/** Stores on a redis-server of their own. */
export async function redisStores(keyPrefix = '', database = 0, seal = new Seal()): Promise<RedisStores> {
  const names = namesOf({ keyPrefix, database });
  const server = await startRedis();
  const options = { port: server.port, db: database, maxRetriesPerRequest: 0 };
  const client = new Redis(options);
  const subscriber = new Redis(options);
  const commands = {
    subscribe: (channel: string) => subscriber.subscribe(channel),
    unsubscribe: (channel: string) => subscriber.unsubscribe(channel),
  };
  const channels = listeningTo(subscriber, names, 'messageBuffer', commands, seal);
  return {
    server,
    client,
    ...onRedis(client, names, seal),
    ...channels,
    close: async () => {
      await Promise.all([client.quit(), subscriber.quit()]);
      await server.stop();
    },
  };
}

export interface ClusterStores extends Stores {
  readonly cluster: RedisCluster;
  readonly client: Cluster;
}

/** Stores on a Redis Cluster of their own, with sharded pub/sub (K3). */
export async function clusterStores(keyPrefix = ''): Promise<ClusterStores> {
  const names = namesOf({ keyPrefix });
  const cluster = await startCluster();
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = new Cluster(nodes);
  const subscriber = new Cluster(nodes, { shardedSubscribers: true });
  const channels = listeningTo(subscriber, names, 'smessageBuffer', {
    subscribe: (channel) => subscriber.ssubscribe(channel),
    unsubscribe: (channel) => subscriber.sunsubscribe(channel),
  });
  return {
    cluster,
    client,
    ...onRedis(client, names),
    ...channels,
    close: async () => {
      await Promise.all([client.quit(), subscriber.quit()]);
      await Promise.all(cluster.nodes.map((node) => node.stop()));
    },
  };
}

function onRedis(client: Redis | Cluster, names: Names, seal = new Seal()): Pick<Stores, 'create' | 'age'> {
  return {
    create: (options = {}) => {
      const store = new RedisSessionStore(client, { names, sealed: seal.isOn, ...options });
      return seal.isOn ? new SealedSessionStore(store, seal) : store;
    },
    age: async (sessionId, ms) => {
      const { sessionKey, logKey, sizeKey, nameIndexKey, tombstoneKey } = names;
      for (const key of [sessionKey, logKey, sizeKey, nameIndexKey, tombstoneKey].map((nameOf) => nameOf(sessionId))) {
        const left = await client.pttl(key);
        if (left >= 0) await client.pexpire(key, left - ms);
      }
    },
  };
}

function listeningTo(
  subscriber: Redis | Cluster,
  names: Names,
  event: 'messageBuffer' | 'smessageBuffer',
  commands: Record<'subscribe' | 'unsubscribe', (channel: string) => Promise<unknown>>,
  seal = new Seal(),
): Pick<Stores, 'listen'> {
  const listeners = new Map<string, (payload: Buffer) => void>();
  subscriber.on(event, (channel: Buffer, payload: Buffer) => listeners.get(String(channel))?.(payload));
  return {
    listen: async (sessionId) => {
      const channel = names.liveChannel(sessionId);
      const payloads: Buffer[] = [];
      listeners.set(channel, (payload) => payloads.push(openPayload(seal, sessionId, payload, () => undefined)));
      await commands.subscribe(channel);
      return heard(payloads, async () => {
        listeners.delete(channel);
        await commands.unsubscribe(channel);
      });
    },
  };
}

/** Stands for the fan-out that the memory store publishes to. */
class RecordedChannels implements LiveChannels {
  readonly #channels = new Map<string, Buffer[]>();

  listen(channel: string): Heard {
    const payloads: Buffer[] = [];
    this.#channels.set(channel, payloads);
    return heard(payloads, async () => {
      this.#channels.delete(channel);
    });
  }

  publish(channel: string, payload: Buffer): number {
    this.#channels.get(channel)?.push(payload);
    return this.subscribers(channel);
  }

  subscribers(channel: string): number {
    return this.#channels.has(channel) ? 1 : 0;
  }
}

function heard(payloads: readonly Buffer[], stop: () => Promise<void>): Heard {
  return {
    payloads: async (count) => {
      await eventually(`${count} payloads`, () => payloads.length >= count, { everyMs: 2 });
      return payloads.map((payload) => {
        const live = decodeLive(payload);
        if (!live) throw new Error(`payload cannot be read: ${payload}`);
        return live;
      });
    },
    stop,
  };
}
