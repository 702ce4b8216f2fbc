/** Random numbers that a seed repeats exactly (mulberry32): what is shipped may not use the test kit's like. */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  /** @param seed any whole number; its lowest 32 bits count */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** From 0 (included) to 1 (excluded). Bound, so that it can be handed over. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };

  /** A whole number from 0 to below the limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** @throws RangeError when there is nothing to pick from */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** A generator of its own, whose draws do not shift this one's. */
  fork(number: number): SeededRandom {
    return new SeededRandom(Math.imul(this.seed ^ Math.imul(number + 1, 0x9e3779b1), 0x85ebca6b));
  }
}

/** A seed drawn by chance. */
export function drawSeed(): number {
  return Math.floor(Math.random() * 0x1_0000_0000);
}
