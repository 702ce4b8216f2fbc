/** Environment variable with the seed of a test run to be repeated: an unsigned 32-bit number. */
export const SEED_VARIABLE = 'HOLDFAST_SEED';

/**
 * Random numbers that the same seed repeats exactly (mulberry32: one word of state, a full period of 2^32).
 *
 * {@link SeededRandom.next} is bound, so that it can be passed on as a `() => number`.
 */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  /** @param seed a whole number, of which the lowest 32 bits are used */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** A number from 0 inclusive to 1 exclusive, as `Math.random` gives. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };

  /** A whole number from min to max, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** True with the given probability, from 0 to 1. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of the items. @throws RangeError when there are none */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.int(0, items.length - 1)] as T;
  }

  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
    }
    return copy;
  }

  /**
   * An independent generator, which depends on this one's seed and the label only. It draws nothing from this one, so
   * that the draws of one part of a test do not change those of another.
   */
  fork(label: string): SeededRandom {
    let hash = this.seed ^ 0x811c9dc5;
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    return new SeededRandom(hash);
  }
}

/**
 * The random numbers of one test, seeded by `HOLDFAST_SEED` if that is set, otherwise by chance. The seed is printed in
 * both cases, so that a failure can be repeated.
 *
 * @throws RangeError when `HOLDFAST_SEED` is not a whole number from 0 to 4294967295
 */
export function announcedRandom(
  label: string,
  env: Record<string, string | undefined> = process.env,
  print: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): SeededRandom {
  const given = env[SEED_VARIABLE];
  const seed = given === undefined ? drawSeed() : Number(given);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff || given === '') {
    throw new RangeError(`${SEED_VARIABLE} must be a whole number from 0 to 4294967295, not "${given}"`);
  }
  print(`${label}: seed ${seed} (repeat with ${SEED_VARIABLE}=${seed})`);
  return new SeededRandom(seed);
}

/** A seed drawn by chance: a whole number from 0 to 4294967295. */
export function drawSeed(): number {
  return Math.floor(Math.random() * 0x1_0000_0000);
}

/** Environment variable that `npm run test:long` sets to 1. */
export const LONG_VARIABLE = 'HOLDFAST_LONG';

/** How often a test repeats what it draws at random: as often as given, and 20 times that in `npm run test:long`. */
export function runs(daily: number, env: Record<string, string | undefined> = process.env): number {
  return env[LONG_VARIABLE] === '1' ? daily * 20 : daily;
}
