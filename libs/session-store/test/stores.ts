import { eventually, type RedisServer, startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import {
  decodeLive,
  type LiveChannels,
  type LivePayload,
  liveChannel,
  logKey,
  MemorySessionStore,
  RedisSessionStore,
  type SessionDirectory,
  type SessionLog,
  sessionKey,
  tombstoneKey,
} from '../src/index.js';

export type Store = SessionLog & SessionDirectory;

export interface StoreOptions {
  readonly defaultTtl?: number;
  readonly historyMax?: number;
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

/** Stores in memory that share a clock which {@link Stores.age} moves. */
export function memoryStores(): Stores {
  const live = new RecordedChannels();
  let aheadMs = 0;
  return {
    create: (options = {}) => new MemorySessionStore({ live, now: () => Date.now() + aheadMs, ...options }),
    listen: async (sessionId) => live.listen(liveChannel(sessionId)),
    age: async (_sessionId, ms) => {
      aheadMs += ms;
    },
    close: async () => undefined,
  };
}

export interface RedisStores extends Stores {
  readonly server: RedisServer;
  readonly client: Redis;
}

/** Stores on a redis-server of their own. */
export async function redisStores(): Promise<RedisStores> {
  const server = await startRedis();
  const options = { port: server.port, maxRetriesPerRequest: 0 };
  const client = new Redis(options);
  const subscriber = new Redis(options);
  const listeners = new Map<string, (payload: Buffer) => void>();
  subscriber.on('messageBuffer', (channel: Buffer, payload: Buffer) => listeners.get(String(channel))?.(payload));
  return {
    server,
    client,
    create: (storeOptions = {}) => new RedisSessionStore(client, storeOptions),
    listen: async (sessionId) => {
      const channel = liveChannel(sessionId);
      const payloads: Buffer[] = [];
      listeners.set(channel, (payload) => payloads.push(payload));
      await subscriber.subscribe(channel);
      return heard(payloads, async () => {
        listeners.delete(channel);
        await subscriber.unsubscribe(channel);
      });
    },
    age: async (sessionId, ms) => {
      for (const key of [sessionKey(sessionId), logKey(sessionId), tombstoneKey(sessionId)]) {
        const left = await client.pttl(key);
        if (left >= 0) await client.pexpire(key, left - ms);
      }
    },
    close: async () => {
      await Promise.all([client.quit(), subscriber.quit()]);
      await server.stop();
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
