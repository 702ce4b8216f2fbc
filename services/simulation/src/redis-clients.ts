import type { RedisFanOutOptions } from '@holdfast/fan-out';
import { type SessionLog, StorageUnavailableError } from '@holdfast/session-store';
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.js';
import type { RedisDatabase } from './redis-database.js';
import type { RedisServer } from './redis-server.js';

/** Called when Redis has answered a gateway's call of the store. */
export type Answered = (method: string, args: readonly unknown[], value: unknown) => void;

type Method = (...args: unknown[]) => unknown;

/**
 * The store as a gateway reaches it: every call of a method is one command on a connection.
 *
 * @param forsaken called when a command runs for whose answer the gateway does not wait any more
 */
export function remoteSessionLog(
  connection: RedisConnection,
  database: RedisDatabase,
  answered: Answered,
  forsaken: (sessionId: string) => void,
): SessionLog {
  const call = async (method: string, args: unknown[]): Promise<unknown> => {
    try {
      const value = await connection.request((_link, isAwaited) => {
        if (!isAwaited) forsaken(String(args[0]));
        return database.call(method, args);
      });
      answered(method, args, value);
      return value;
    } catch (error) {
      throw new StorageUnavailableError((error as Error).message, { cause: error });
    }
  };
  const methods = new Map<string, Method>();
  return new Proxy({} as SessionLog, {
    get: (_target, name) => {
      const method = String(name);
      const known = methods.get(method) ?? ((...args: unknown[]) => call(method, args));
      methods.set(method, known);
      return known;
    },
  });
}

/** The part of ioredis that the fan-out's subscriber needs. */
export class SimSubscriber {
  readonly isCluster = false;
  readonly connection: RedisConnection;
  readonly #ready: (() => void)[] = [];
  readonly #message: ((channel: Buffer, payload: Buffer) => void)[] = [];

  constructor(
    options: Omit<RedisConnectionOptions, 'ready' | 'heard'>,
    heard: (channel: string, payload: Buffer, lateMs: number) => void,
  ) {
    this.connection = new RedisConnection({
      ...options,
      ready: () => {
        for (const listener of this.#ready) listener();
      },
      heard: (channel, payload, lateMs) => {
        heard(channel, payload, lateMs);
        for (const listener of this.#message) listener(Buffer.from(channel), payload);
      },
    });
  }

  get status(): string {
    return this.connection.isReady ? 'ready' : 'reconnecting';
  }

  on(event: string, listener: (...args: never[]) => void): void {
    if (event === 'ready') this.#ready.push(listener as () => void);
    else if (event === 'messageBuffer') this.#message.push(listener as (channel: Buffer, payload: Buffer) => void);
  }

  subscribe(...channels: string[]): Promise<void> {
    return this.connection.request((link) => {
      for (const channel of channels) link.subscribe(channel);
    });
  }

  unsubscribe(...channels: string[]): Promise<void> {
    return this.connection.request((link) => {
      for (const channel of channels) link.unsubscribe(channel);
    });
  }

  disconnect(reconnect = false): void {
    if (reconnect) this.connection.drop();
    else this.connection.end();
  }
}

/** The part of ioredis that the fan-out's publisher needs. */
export class SimPublisher {
  readonly isCluster = false;

  constructor(
    readonly connection: RedisConnection,
    readonly server: RedisServer,
  ) {}

  publish(channel: string, payload: string | Buffer): Promise<number> {
    return this.connection.request(() => this.server.broker.publish(channel, payload));
  }
}

/** The two as options of a fan-out, which expects the types of ioredis. */
export function fanOutClients(subscriber: SimSubscriber, publisher: SimPublisher): RedisFanOutOptions {
  return { subscriber, publisher } as unknown as RedisFanOutOptions;
}
