/** Environment variable that repeats a run: an unsigned 32-bit number. */
export const SEED_VARIABLE = 'HOLDFAST_SEED';

/**
 * Random numbers that a seed repeats exactly (mulberry32: one word of state, full period of 2^32).
 *
 * {@link SeededRandom.next} is bound, so that it can be handed over where a `() => number` is asked for.
 */
export class SeededRandom {
  readonly seed: number;
  #state: number;

  /** @param seed any whole number; its lowest 32 bits count */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** From 0 inclusive to 1 exclusive, as `Math.random`. */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };

  /** A whole number, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** True with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError when there is nothing to pick from */
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

  /** A generator of its own, so that one part's draws do not shift another's. Draws nothing from this one. */
  fork(label: string): SeededRandom {
    let hash = this.seed ^ 0x811c9dc5;
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    return new SeededRandom(hash);
  }
}

/**
 * The random numbers of one test: seeded by `HOLDFAST_SEED` when that is set, else by chance; the seed is printed
 * either way, so that a failure can be repeated.
 *
 * @throws RangeError when `HOLDFAST_SEED` is not a whole number from 0 to 4294967295
 */
export function announcedRandom(
  label: string,
  env: Record<string, string | undefined> = process.env,
  print: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): SeededRandom {
  const given = env[SEED_VARIABLE];
  const seed = given === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : Number(given);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff || given === '') {
    throw new RangeError(`${SEED_VARIABLE} must be a whole number from 0 to 4294967295, not "${given}"`);
  }
  print(`${label}: seed ${seed} (repeat with ${SEED_VARIABLE}=${seed})`);
  return new SeededRandom(seed);
}

/** Set by `npm run test:long`. */
export const LONG_VARIABLE = 'HOLDFAST_LONG';

/** How often a test that draws at random is run: as often as given, and 20 times that in `npm run test:long`. */
export function runs(daily: number, env: Record<string, string | undefined> = process.env): number {
  return env[LONG_VARIABLE] === '1' ? daily * 20 : daily;
}
