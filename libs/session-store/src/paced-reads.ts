/** One reader's wish for a page of a history. */
export interface PageWish<Page> {
  readonly sessionId: string;
  /** Wishes of one session with the same key are met by the same read. */
  readonly key: string;
  /** Whether nobody waits for the page any more: then it is not read. */
  isOver(): boolean;
  /** The page where it is in memory already. */
  inMemory(): Page | undefined;
  /** Reads the page from Redis. */
  read(): Promise<Page>;
}

export interface PacedReadsOptions {
  readonly clock: {
    /** Milliseconds that never go back. */
    monotonic(): number;
    setTimeout(callback: () => void, ms: number): unknown;
  };
  /** Most reads in flight. At least 1. */
  readonly atOnce: number;
}

/** A wish that waits for its turn. */
interface Waiting<Page> {
  readonly wish: PageWish<Page>;
  resolve(page: Page | undefined): void;
  reject(error: unknown): void;
}

/** Reads that are answered within this time show that Redis has time: no rest follows them. Milliseconds. */
const QUICK_MS = 4;
/** A slower read is followed by a rest of this many times its own time: reads take at most a third of Redis' time. */
const RESTS = 2;
const REST_MS_MAX = 1_000;

/**
 * Reads histories from Redis without taking Redis away from live messages (F9). Few reads are in flight, and each slow
 * one is followed by a rest. Sessions take turns, with one read each, so that a session with two hundred readers waits as
 * long as one with a single reader. Readers who wait for the same page share one read; a read that has begun already is
 * not shared, because it may lack what was stored since.
 */
export class PacedReads<Page> {
  readonly #clock: PacedReadsOptions['clock'];
  readonly #atOnce: number;
  /** What waits, by session and key. A session is here from its first wish until none waits and none is being read. */
  readonly #sessions = new Map<string, Map<string, Waiting<Page>[]>>();
  /** Sessions that wait for their turn. */
  readonly #turns: string[] = [];
  /** Reads in flight, and rests. */
  #busy = 0;

  constructor({ clock, atOnce }: PacedReadsOptions) {
    this.#clock = clock;
    this.#atOnce = atOnce;
  }

  /** Whether nothing waits, and nothing is read. */
  get isIdle(): boolean {
    return this.#sessions.size === 0 && this.#busy === 0;
  }

  /**
   * Gives a page, from memory or from Redis.
   *
   * @returns `undefined` when the wish was over before its turn came
   * @throws what the read throws, for everybody who shares it
   */
  page(wish: PageWish<Page>): Promise<Page | undefined> {
    const known = wish.inMemory();
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      let session = this.#sessions.get(wish.sessionId);
      if (!session) {
        session = new Map();
        this.#sessions.set(wish.sessionId, session);
        this.#turns.push(wish.sessionId);
      }
      const waiting = { wish, resolve, reject };
      const same = session.get(wish.key);
      if (same) same.push(waiting);
      else session.set(wish.key, [waiting]);
      this.#goOn();
    });
  }

  #goOn(): void {
    while (this.#busy < this.#atOnce) {
      const sessionId = this.#turns.shift();
      if (sessionId === undefined) return;
      const sharing = this.#takeFirst(sessionId);
      if (sharing) void this.#read(sessionId, sharing);
    }
  }

  async #read(sessionId: string, sharing: readonly Waiting<Page>[]): Promise<void> {
    this.#busy += 1;
    const askedMs = this.#clock.monotonic();
    try {
      const page = await sharing[0]?.wish.read();
      for (const { resolve } of sharing) resolve(page);
    } catch (error) {
      for (const { reject } of sharing) reject(error);
    }
    if (this.#meet(sessionId)) this.#turns.push(sessionId);
    const tookMs = this.#clock.monotonic() - askedMs;
    if (tookMs <= QUICK_MS) this.#rested();
    else this.#clock.setTimeout(() => this.#rested(), Math.min(REST_MS_MAX, tookMs * RESTS));
  }

  #rested(): void {
    this.#busy -= 1;
    this.#goOn();
  }

  /** Takes out the wishes of a session that share its next read. @returns `undefined` when none of them needs a read */
  #takeFirst(sessionId: string): readonly Waiting<Page>[] | undefined {
    const session = this.#meet(sessionId);
    for (const [key, sharing] of session ?? []) {
      session?.delete(key);
      return sharing;
    }
    return undefined;
  }

  /**
   * Meets the wishes of a session that need no read: those that are over, and those whose page has come into memory.
   *
   * @returns the wishes that are left; `undefined` when none is
   */
  #meet(sessionId: string): Map<string, Waiting<Page>[]> | undefined {
    const session = this.#sessions.get(sessionId);
    for (const [key, waiting] of session ?? []) {
      const left = waiting.filter((one) => !isMet(one));
      if (left.length > 0) session?.set(key, left);
      else session?.delete(key);
    }
    if (session && session.size > 0) return session;
    this.#sessions.delete(sessionId);
    return undefined;
  }
}

/** Meets a wish that needs no read. @returns whether it did */
function isMet<Page>({ wish, resolve }: Waiting<Page>): boolean {
  const isOver = wish.isOver();
  const page = isOver ? undefined : wish.inMemory();
  if (isOver || page !== undefined) resolve(page);
  return isOver || page !== undefined;
}
