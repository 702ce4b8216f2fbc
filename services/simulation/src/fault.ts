import type { SeededRandom } from '@holdfast/testkit';
import type { World } from './world.js';

/** Something that goes wrong, or that people do. */
export interface Fault {
  readonly name: string;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /** Lets it happen now. All it draws comes from `random`. */
  apply(world: World, random: SeededRandom): void;
}

/** One of them, if there is any. */
export function pickOne<T>(random: SeededRandom, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : random.pick(items);
}
