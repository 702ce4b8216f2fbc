/** Something that reads what strangers write. */
export interface Target {
  /** As `--target` names it; its corpus is `corpus/NAME.jsonl`. */
  readonly name: string;
  /** Pieces of inputs that mean something to the reader. Mutations put them anywhere. */
  readonly words: readonly string[];
  /**
   * Reads one input, and checks what must be so of every answer.
   *
   * @param input one character a byte where the reader takes bytes, else text
   * @returns what became of it, in a word; the report counts each
   * @throws {Error} whatever the reader throws, and where an answer is wrong
   */
  run(input: string): string | Promise<string>;
}

/** @throws {Error} with this text, when the condition does not hold */
export function must(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

/** The bytes of an input that stands for bytes. */
export function bytesOf(input: string): Buffer {
  return Buffer.from(input, 'latin1');
}

/** The text of an input that stands for bytes, as a process reads it from the network. */
export function textOf(input: string): string {
  return bytesOf(input).toString('utf8');
}
