import { readFileSync } from 'node:fs';

/**
 * The kept inputs of a target: hand-made ones, and every input that once showed a mistake.
 *
 * @param name of the target
 * @returns one input for each line of its file, which is a JSON string
 * @throws {Error} when there are none, or a line is none
 */
export function corpusOf(name: string): readonly string[] {
  const file = new URL(`../corpus/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line, index) => {
    const input: unknown = JSON.parse(line);
    if (typeof input !== 'string') throw new Error(`line ${index + 1} of ${file.pathname} is no JSON string`);
    return input;
  });
}
