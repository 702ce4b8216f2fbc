import { MemoryBroker } from '@holdfast/fan-out';
import type { AppendRequest, AppendResult, SessionLog } from '@holdfast/session-store';
import { type Scheduler, START_MS } from './scheduler.js';
import { SimStore } from './sim-store.js';

export interface RedisServerOptions {
  /** How many messages a session keeps (K2). */
  readonly historyMax: number;
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

/** The simulated Redis: a memory store behind one thread, which can stand still, be full, or go away. */
export class RedisServer {
  readonly broker = new MemoryBroker((deliver) => deliver());
  /** The data of the server. */
  readonly store: SimStore;
  /** Whether it refuses whatever takes memory. Everything else is answered. */
  isFull = false;
  readonly #log: SessionLog;
  readonly #options: RedisServerOptions;
  readonly #scheduler: Scheduler;
  /** Commands that have arrived while it stands still. Absent: it runs. */
  #waiting: (() => void)[] | undefined;
  #downUntilMs = 0;
  #nonces = 0;

  constructor(scheduler: Scheduler, options: RedisServerOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
    this.store = new SimStore({
      live: {
        publish: (channel, payload) => {
          options.published(channel, payload);
          return this.broker.publish(channel, payload);
        },
        subscribers: (channel) => this.broker.subscribers(channel),
      },
      historyMax: options.historyMax,
      defaultTtl: options.defaultTtl,
      now: () => START_MS + Math.floor(scheduler.nowMs),
      nonce: () => (this.#nonces++).toString(36),
    });
    this.#log = options.wrap?.(this.store) ?? this.store;
  }

  /** A script call of a gateway. Gateways reach the store in no other way. */
  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.isFull && WRITING.has(method)) {
      return Promise.reject(new Error("OOM command not allowed when used memory > 'maxmemory'."));
    }
    return this.#run(this.#log as unknown as Record<string, Method>, method, args);
  }

  /** A script call of the API, to which mutations do not apply. */
  callAsApi(method: 'remove' | 'extend', ...args: readonly unknown[]): void {
    this.execute(() => void this.#run(this.store as unknown as Record<string, Method>, method, args));
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

  /** Whether it stands still, so that it does not accept connections either. */
  get isStalled(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether nothing listens at its address. */
  get isDown(): boolean {
    return this.#downUntilMs > this.#scheduler.nowMs;
  }

  /** Runs a command that has arrived, in one step. */
  execute(command: () => void): void {
    if (this.isDown) return;
    if (this.#waiting) this.#waiting.push(command);
    else command();
  }

  /** Stands still, as with SIGSTOP, a slow disk or a fork. Commands that arrive run later, in order. */
  stall(ms: number): void {
    if (this.#waiting || this.isDown) return;
    this.#waiting = [];
    this.#scheduler.after(ms, () => this.#goOn());
  }

  /** Its process ends, and another one starts after some time. Waiting commands are lost. */
  goDown(ms: number): void {
    this.#downUntilMs = Math.max(this.#downUntilMs, this.#scheduler.nowMs + ms);
    if (this.#waiting) this.#waiting = [];
  }

  #goOn(): void {
    const next = this.#waiting?.shift();
    if (!next) {
      this.#waiting = undefined;
      return;
    }
    next();
    this.#scheduler.after(0, () => this.#goOn());
  }
}
