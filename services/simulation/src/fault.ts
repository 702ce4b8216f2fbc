import type { SeededRandom } from '@holdfast/testkit';
import type { World } from './world.js';

/** A fault of a part, or an action of a person. */
export interface Fault {
  readonly name: string;
  /** How often it is drawn, in proportion to the weights of the others. */
  readonly weight: number;
  /** Causes the fault now. It takes all its random numbers from `random`. */
  apply(world: World, random: SeededRandom): void;
}

/** One of the items, if there are any. */
export function pickOne<T>(random: SeededRandom, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : random.pick(items);
}
