import { SeededRandom } from '@holdfast/testkit';

/** Longest input, characters: more than the largest frame that a gateway reads with the limits of the targets. */
const MAX_LENGTH = 20_000;
/** How often a part is repeated at most; this deep is what nests, this often is what is repeated. */
const REPEATS = [2, 2, 2, 3, 3, 20, 20, 300, 300, 4_000];
const NUMBERS = ['0', '-0', '-1', '1', '1.5', '9007199254740991', '9007199254740993', '1e308', '1e999', '00', '0x1f'];
const CHARACTERS =
  '\0\u0001\t\n\r "\'\\/{}[]:,.;=&%+-*#@?<>()|~_09azAZ\u007f\u0080\u00bf\u00c0\u00e4\u00f0\u00fe\u00ff';

/**
 * Draws inputs from a corpus: each is an entry with a few changes, such as bytes that are replaced, parts that are
 * repeated, and words of the reader's language in places where they do not belong. The same seed and number give the same
 * input, so a failure is repeated without the inputs before it.
 */
export class Mutator {
  readonly #corpus: readonly string[];
  readonly #words: readonly string[];
  readonly #seed: number;

  /** @param corpus at least one entry */
  constructor(corpus: readonly string[], words: readonly string[], seed: number) {
    this.#corpus = corpus;
    this.#words = [...words, ...NUMBERS];
    this.#seed = seed;
  }

  /** @param number 0 and up */
  input(number: number): string {
    const random = new SeededRandom(this.#seed ^ Math.imul(number + 1, 0x9e3779b1));
    if (random.chance(0.02)) return noise(random, random.int(0, 200));
    let input = random.pick(this.#corpus);
    do input = this.#change(input, random);
    while (random.chance(0.6));
    return input.length > MAX_LENGTH ? input.slice(0, MAX_LENGTH) : input;
  }

  #change(input: string, random: SeededRandom): string {
    const at = random.int(0, input.length);
    const end = Math.min(input.length, at + random.int(0, 8));
    const [before, part, after] = [input.slice(0, at), input.slice(at, end), input.slice(end)];
    switch (random.int(0, 8)) {
      case 0:
        return before + after;
      case 1:
        return `${before}${random.pick(this.#words)}${part}${after}`;
      case 2:
        return `${before}${random.pick(this.#words)}${after}`;
      case 3:
        return `${before}${noise(random, random.int(1, 4))}${input.slice(at + 1)}`;
      case 4:
        return `${before}${(part || random.pick(this.#words)).repeat(random.pick(REPEATS))}${after}`;
      case 5: {
        const other = random.pick(this.#corpus);
        return before + other.slice(random.int(0, other.length));
      }
      case 6:
        return changeNumber(input, at, random);
      case 7: {
        const to = random.int(0, after.length);
        return before + after.slice(0, to) + part + after.slice(to);
      }
      default:
        return before;
    }
  }
}

/** Puts another number in the place of the first one behind an offset. */
function changeNumber(input: string, from: number, random: SeededRandom): string {
  const found = /\d+/.exec(input.slice(from)) ?? /\d+/.exec(input);
  if (!found) return input;
  const at = input.indexOf(found[0], found.index);
  return input.slice(0, at) + random.pick(NUMBERS) + input.slice(at + found[0].length);
}

function noise(random: SeededRandom, length: number): string {
  let text = '';
  for (let n = 0; n < length; n++) text += CHARACTERS.charAt(random.int(0, CHARACTERS.length - 1));
  return text;
}
