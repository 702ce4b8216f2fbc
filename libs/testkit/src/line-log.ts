import { DEFAULT_DEADLINE_MS, withDeadline } from './deadline.js';

export type LineMatch = string | RegExp | ((line: string) => boolean);

interface Waiter {
  readonly matches: (line: string) => boolean;
  readonly resolve: (line: string) => void;
}

/** Keeps the lines that a process prints, and waits for lines. */
export class LineLog {
  readonly #lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #partial = '';

  /** All complete lines so far, oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Adds output, in pieces of any length. */
  write(text: string): void {
    const pieces = (this.#partial + text).split('\n');
    this.#partial = pieces.pop() ?? '';
    for (const piece of pieces) this.#add(piece.endsWith('\r') ? piece.slice(0, -1) : piece);
  }

  /** Completes a last line that has no newline. */
  end(): void {
    if (this.#partial !== '') this.#add(this.#partial);
    this.#partial = '';
  }

  /** All lines that contain a string, match a pattern, or are selected by a function. */
  matching(match: LineMatch): string[] {
    return this.#lines.filter(lineTest(match));
  }

  /**
   * The first matching line, printed already or later. @param options `from` is the index of the first line to look at
   *
   * @throws DeadlineError with the last lines
   */
  async waitFor(match: LineMatch, options: { timeoutMs?: number; from?: number } = {}): Promise<string> {
    const { timeoutMs = DEFAULT_DEADLINE_MS, from = 0 } = options;
    const matches = lineTest(match);
    const present = this.#lines.slice(from).find(matches);
    if (present !== undefined) return present;
    let waiter: Waiter | undefined;
    const coming = new Promise<string>((resolve) => {
      waiter = { matches, resolve };
      this.#waiters.add(waiter);
    });
    try {
      return await withDeadline(coming, () => `a line like ${String(match)}; last lines:\n${this.tail()}`, timeoutMs);
    } finally {
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  /** The last lines as one text, for messages. */
  tail(count = 15): string {
    return this.#lines.slice(-count).join('\n');
  }

  #add(line: string): void {
    this.#lines.push(line);
    for (const waiter of this.#waiters) if (waiter.matches(line)) waiter.resolve(line);
  }
}

function lineTest(match: LineMatch): (line: string) => boolean {
  if (typeof match === 'string') return (line) => line.includes(match);
  if (match instanceof RegExp) return (line) => match.test(line);
  return match;
}
