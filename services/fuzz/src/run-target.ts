import { corpusOf } from './corpus.js';
import { Mutator } from './mutator.js';
import type { Target } from './target.js';

/** An input that takes longer, each time, is a way to keep a process busy. Milliseconds. */
const SLOW_MS = 1_000;
const ATTEMPTS = 8;

/** What became of a target's inputs. */
export interface Report {
  readonly inputs: number;
  /** How often each word that {@link Target.run} answers was answered. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** The longest time that an input took, milliseconds. */
  readonly slowestMs: number;
}

/** An input that a reader does not bear. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
  constructor(
    target: string,
    readonly input: string,
    place: string,
    cause: unknown,
  ) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`${target}, ${place}: ${why}\nthe input, as a line for corpus/${target}.jsonl:\n${JSON.stringify(input)}`);
  }
}

export interface RunOptions {
  readonly seed: number;
  /** Inputs that are drawn, beside those of the corpus. */
  readonly runs: number;
  /** The number of the first drawn input. Default: 0. */
  readonly from?: number;
  /** Hears the number of each drawn input before it is read. */
  readonly onInput?: (number: number) => void;
}

/**
 * Gives a target its whole corpus, and then drawn inputs.
 *
 * @throws {FuzzFailure} at the first input that is not borne
 */
export async function runTarget(target: Target, { seed, runs, from = 0, onInput }: RunOptions): Promise<Report> {
  const corpus = corpusOf(target.name);
  const outcomes = new Map<string, number>();
  let slowestMs = 0;
  const take = async (input: string, place: string): Promise<void> => {
    let ms = Number.POSITIVE_INFINITY;
    let outcome = '';
    // Something else may have had the processor meanwhile.
    for (let attempt = 0; attempt < ATTEMPTS && ms > SLOW_MS; attempt++) {
      const started = performance.now();
      try {
        const answer = target.run(input);
        // Most readers answer at once, and waiting costs more than they do.
        outcome = typeof answer === 'string' ? answer : await answer;
      } catch (error) {
        throw new FuzzFailure(target.name, input, place, error);
      }
      ms = Math.min(ms, performance.now() - started);
    }
    if (ms > SLOW_MS) throw new FuzzFailure(target.name, input, place, `it takes ${Math.round(ms)} ms`);
    slowestMs = Math.max(slowestMs, ms);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  for (const [index, input] of corpus.entries()) await take(input, `line ${index + 1} of the corpus`);
  const mutator = new Mutator(corpus, target.words, seed);
  for (let number = from; number < from + runs; number++) {
    onInput?.(number);
    await take(mutator.input(number), `input ${number} of seed ${seed}`);
  }
  return { inputs: corpus.length + runs, outcomes, slowestMs };
}
