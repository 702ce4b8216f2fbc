/** When an entry of a {@link RecentMap} is forgotten. */
export interface RecentMapLimits {
  /** How long an entry is kept after it was set for the last time, milliseconds. */
  readonly keepMs: number;
  /** So many of the keys that were set last are kept in any case; twice as many at most. */
  readonly most: number;
}

interface Entry<Value> {
  value: Value;
  untilMs: number;
}

/**
 * A map for keys that clients choose: it forgets entries by their age, and those that were set least recently where
 * there are too many. Every call takes the same time, however many keys there are: entries are set in a young
 * generation; when that is full or old enough it becomes the old one, and the old one before it is dropped as a whole.
 *
 * All times are milliseconds of one clock.
 */
export class RecentMap<Value> {
  readonly #limits: RecentMapLimits;
  #young = new Map<string, Entry<Value>>();
  /** Has no key that the young one has. */
  #old = new Map<string, Entry<Value>>();
  /** When the young generation is old enough. */
  #turnMs = Number.NEGATIVE_INFINITY;

  constructor(limits: RecentMapLimits) {
    this.#limits = limits;
  }

  /** How many entries are in memory, those included that nobody gets any more because of their age. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string, nowMs: number): Value | undefined {
    const entry = this.#young.get(key) ?? this.#old.get(key);
    return entry && nowMs < entry.untilMs ? entry.value : undefined;
  }

  set(key: string, value: Value, nowMs: number): void {
    const { keepMs, most } = this.#limits;
    const untilMs = nowMs + keepMs;
    const entry = this.#young.get(key);
    if (entry) {
      entry.value = value;
      entry.untilMs = untilMs;
      return;
    }
    this.forgetOld(nowMs);
    if (this.#young.size >= most) this.#turn(nowMs);
    this.#old.delete(key);
    this.#young.set(key, { value, untilMs });
  }

  /** Gives back the memory of entries whose time is over; some of them a second time as long after. */
  forgetOld(nowMs: number): void {
    if (nowMs >= this.#turnMs) this.#turn(nowMs);
  }

  /** All entries whose time is not over. */
  *entries(nowMs: number): Generator<[key: string, value: Value]> {
    for (const generation of [this.#old, this.#young]) {
      for (const [key, { value, untilMs }] of generation) if (nowMs < untilMs) yield [key, value];
    }
  }

  #turn(nowMs: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnMs = nowMs + this.#limits.keepMs;
  }
}
