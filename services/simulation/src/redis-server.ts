import { MemoryBroker } from '@holdfast/fan-out';
import type { AppendRequest, AppendResult, SessionLog } from '@holdfast/session-store';
import { type Scheduler, START_MS } from './scheduler.js';
import { SimStore } from './sim-store.js';

export interface RedisServerOptions {
  /** Messages kept per session (K2). */
  readonly historyMax: number;
  /** Seconds. */
  readonly defaultTtl: number;
  /** Hears everything that is published, in that order. */
  readonly published: (channel: string, payload: Buffer) => void;
  /** A script is about to run. */
  readonly called: (sessionId: string) => void;
  /** A script has run that may have changed more than it published. */
  readonly changed: (method: string, sessionId: string, args: readonly unknown[]) => void;
  /** An append is about to run. @returns what is to be told when it is taken, whatever a mutation makes of it */
  readonly appending: (sessionId: string, request: AppendRequest) => (result: AppendResult) => void;
  /** Puts something between gateways and the store: a mutation. */
  readonly wrap?: ((store: SessionLog) => SessionLog) | undefined;
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** Scripts that write what may take memory: those a full Redis refuses. */
const WRITING: ReadonlySet<string> = new Set(['open', 'append', 'heal', 'fork', 'bury', 'leave', 'extend']);

/** Redis: the memory store behind one thread, which can be stopped for a while, be full, or go away. */
export class RedisServer {
  readonly broker = new MemoryBroker((deliver) => deliver());
  /** All it has. */
  readonly store: SimStore;
  /** It refuses what takes memory, and answers everything else. */
  isFull = false;
  readonly #log: SessionLog;
  readonly #options: RedisServerOptions;
  readonly #scheduler: Scheduler;
  /** Commands that arrived while it stood still; absent: it runs. */
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

  /** One script call of a gateway: the one way by which gateways reach the store, whatever methods its port has. */
  call(method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.isFull && WRITING.has(method)) {
      return Promise.reject(new Error("OOM command not allowed when used memory > 'maxmemory'."));
    }
    return this.#run(this.#log as unknown as Record<string, Method>, method, args);
  }

  /** One script call of somebody else, whom no mutation concerns. */
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

  /** Whether it stands still: new connections are not served either. */
  get isStalled(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether nothing listens at its address. */
  get isDown(): boolean {
    return this.#downUntilMs > this.#scheduler.nowMs;
  }

  /** A command has arrived: carries it out, as one step. */
  execute(command: () => void): void {
    if (this.isDown) return;
    if (this.#waiting) this.#waiting.push(command);
    else command();
  }

  /** Stands still (SIGSTOP, a slow disk, a fork): what arrives is carried out later, in its order. */
  stall(ms: number): void {
    if (this.#waiting || this.isDown) return;
    this.#waiting = [];
    this.#scheduler.after(ms, () => this.#goOn());
  }

  /** Its process ends; another one comes after a time. What waited to be carried out is not. */
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
