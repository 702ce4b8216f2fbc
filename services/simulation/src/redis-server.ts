import { MemoryBroker } from '@holdfast/fan-out';
import { MemorySessionStore } from '@holdfast/session-store';
import { type Scheduler, START_MS } from './scheduler.js';

export interface RedisServerOptions {
  /** Messages kept per session (K2). */
  readonly historyMax: number;
  /** Seconds. */
  readonly defaultTtl: number;
  /** Hears everything that is published, in that order. */
  readonly published: (channel: string, payload: Buffer) => void;
}

/** Redis: the memory store behind one thread, which can be stopped for a while. */
export class RedisServer {
  readonly broker = new MemoryBroker((deliver) => deliver());
  readonly store: MemorySessionStore;
  readonly #scheduler: Scheduler;
  /** Commands that arrived while it stood still; absent: it runs. */
  #waiting: (() => void)[] | undefined;
  #nonces = 0;

  constructor(scheduler: Scheduler, options: RedisServerOptions) {
    this.#scheduler = scheduler;
    this.store = new MemorySessionStore({
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
  }

  /** Whether it stands still: new connections are not served either. */
  get isStalled(): boolean {
    return this.#waiting !== undefined;
  }

  /** A command has arrived: carries it out, as one step. */
  execute(command: () => void): void {
    if (this.#waiting) this.#waiting.push(command);
    else command();
  }

  /** Stands still (SIGSTOP, a slow disk, a fork): what arrives is carried out later, in its order. */
  stall(ms: number): void {
    if (this.#waiting) return;
    this.#waiting = [];
    this.#scheduler.after(ms, () => this.#goOn());
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
