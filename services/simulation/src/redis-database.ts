import type { AppendRequest, AppendResult, Names, SessionLog } from '@holdfast/session-store';
import type { RedisServer } from './redis-server.js';
import { type Scheduler, START_MS } from './scheduler.js';
import { SimStore } from './sim-store.js';

export interface RedisDatabaseOptions {
  readonly server: RedisServer;
  /** Of the channels on which its scripts publish. */
  readonly names: Names;
  /** Begins the random part of its epochs. */
  readonly nonce: string;
  /** How many messages a session keeps (K2). */
  readonly historyMax: number;
  /** How many bytes of them (K2). */
  readonly sessionMaxBytes: number;
  /** How many seconds a session lives by default. */
  readonly defaultTtl: number;
  /** Gets everything that is published, in order. */
  readonly published: (channel: string, payload: Buffer) => void;
  /** Called before a script runs. */
  readonly called: (sessionId: string) => void;
  /** Called after a script that may have changed more than it published. */
  readonly changed: (method: string, sessionId: string, args: readonly unknown[]) => void;
  /** Called before an append runs. @returns to be called with the result of the store, before a mutation changes it */
  readonly appending: (sessionId: string, request: AppendRequest) => (result: AppendResult) => void;
  /** A mutation between gateways and the store. */
  readonly wrap?: ((store: SessionLog) => SessionLog) | undefined;
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** Scripts that may take memory, which a full Redis refuses. */
const WRITING: ReadonlySet<string> = new Set(['open', 'append', 'heal', 'fork', 'bury', 'leave', 'extend']);

/** The keys of one deployment, and its scripts. */
export class RedisDatabase {
  readonly store: SimStore;
  readonly #log: SessionLog;
  readonly #options: RedisDatabaseOptions;
  #nonces = 0;

  constructor(scheduler: Scheduler, options: RedisDatabaseOptions) {
    const { broker } = options.server;
    this.#options = options;
    this.store = new SimStore({
      live: {
        publish: (channel, payload) => {
          options.published(channel, payload);
          return broker.publish(channel, payload);
        },
        subscribers: (channel) => broker.subscribers(channel),
      },
      names: options.names,
      historyMax: options.historyMax,
      sessionMaxBytes: options.sessionMaxBytes,
      defaultTtl: options.defaultTtl,
      now: () => START_MS + Math.floor(scheduler.nowMs),
      nonce: () => options.nonce + (this.#nonces++).toString(36),
    });
    this.#log = options.wrap?.(this.store) ?? this.store;
  }

  /** A script call of a gateway. Gateways reach the store in no other way. */
  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#options.server.isFull && WRITING.has(method)) {
      return Promise.reject(new Error("OOM command not allowed when used memory > 'maxmemory'."));
    }
    return this.#run(this.#log as unknown as Record<string, Method>, method, args);
  }

  /** A script call of the API, to which mutations do not apply. */
  callAsApi(method: 'remove' | 'extend', ...args: readonly unknown[]): void {
    this.#options.server.execute(() => void this.#run(this.store as unknown as Record<string, Method>, method, args));
  }

  #run(store: Record<string, Method>, method: string, args: readonly unknown[]): Promise<unknown> {
    const sessionId = String(args[0]);
    this.#options.called(sessionId);
    const appended = method === 'append' ? this.#options.appending(sessionId, args[1] as AppendRequest) : undefined;
    const result = store[method]?.(...args) ?? Promise.reject(new Error(`the store has no ${method}`));
    if (appended) result.then((answer) => appended(answer as AppendResult)).catch(() => undefined);
    if (method === 'append' || method === 'read' || method === 'leave') return result;
    return result.finally(() => this.#options.changed(method, sessionId, args));
  }
}
