import type { Cluster, Redis } from 'ioredis';
import { type Names, namesOf } from './keys.js';
import { defineScript, type Script } from './script.js';

/** What is counted: sessions that somebody has made, or requests to the API. */
export type Limited = 'created' | 'requests';

/** How often something happened in the window that is open. */
export interface WindowCount {
  /** With the one that was just counted, so 1 or more. */
  readonly count: number;
  /** Milliseconds until the window ends and the count begins anew. */
  readonly leftMs: number;
}

/** Counters of things that somebody may do so often in a window of time (M1). */
export interface WindowCounters {
  /**
   * Counts one more. Never rejects.
   *
   * @param who whose count it is, such as `address:192.0.2.1` or `sub:ann`; without braces
   */
  add(limited: Limited, who: string): Promise<WindowCount>;
}

/** Length of every window. Milliseconds. */
export const WINDOW_MS = 60_000;
/** Most counts that a process keeps by itself, so that many addresses do not fill its memory. */
const COUNTS_MAX = 100_000;

/** Counts in this process alone. */
export class MemoryWindowCounters implements WindowCounters {
  readonly #now: () => number;
  /** In the order in which their windows end, as all are equally long. */
  readonly #counts = new Map<string, { count: number; endsMs: number }>();

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How many counts are kept. */
  get size(): number {
    return this.#counts.size;
  }

  async add(limited: Limited, who: string): Promise<WindowCount> {
    const nowMs = this.#now();
    this.#forgetEnded(nowMs);
    const key = `${limited} ${who}`;
    const known = this.#counts.get(key);
    if (known) {
      known.count += 1;
      return { count: known.count, leftMs: known.endsMs - nowMs };
    }
    if (this.#counts.size >= COUNTS_MAX) this.#forgetOldest();
    this.#counts.set(key, { count: 1, endsMs: nowMs + WINDOW_MS });
    return { count: 1, leftMs: WINDOW_MS };
  }

  #forgetEnded(nowMs: number): void {
    for (const [key, { endsMs }] of this.#counts) {
      if (endsMs > nowMs) return;
      this.#counts.delete(key);
    }
  }

  #forgetOldest(): void {
    for (const key of this.#counts.keys()) {
      this.#counts.delete(key);
      return;
    }
  }
}

const LUA = new URL('../lua/limits/count-1.lua', import.meta.url);
/** After a failure Redis is not asked for so long. Milliseconds. */
const PAUSE_MS = 1_000;

export interface RedisWindowCountersOptions {
  /** Of keys (K7). Default: those of database 0, without a prefix. */
  readonly names?: Pick<Names, 'limitKey'>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/**
 * Counts that all processes of a deployment share, in Redis. While Redis is away each process counts by itself: a limit
 * must not take down what it protects.
 */
export class RedisWindowCounters implements WindowCounters {
  readonly #names: Pick<Names, 'limitKey'>;
  readonly #script: Script;
  readonly #own: MemoryWindowCounters;
  readonly #now: () => number;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(client: Redis | Cluster, options: RedisWindowCountersOptions = {}) {
    const { names = namesOf(), now = () => performance.now() } = options;
    this.#names = names;
    this.#now = now;
    this.#own = new MemoryWindowCounters(now);
    this.#script = defineScript(client, LUA);
  }

  async add(limited: Limited, who: string): Promise<WindowCount> {
    if (this.#now() < this.#pausedUntilMs) return this.#own.add(limited, who);
    try {
      const reply = await this.#script.call([this.#names.limitKey(limited, who)], [WINDOW_MS]);
      const [count, leftMs] = reply as [number, number];
      return { count, leftMs };
    } catch {
      // Whoever needs Redis for its work reports the failure. Here it only changes who counts.
      this.#pausedUntilMs = this.#now() + PAUSE_MS;
      return this.#own.add(limited, who);
    }
  }
}
