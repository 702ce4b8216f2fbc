import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** How many warnings are shown per window; the log file has all of them. */
const SHOWN_MAX = 10;
const WINDOW_MS = 10_000;

/** The text to show for a line that is a warning or worse, in either log format or in that of Redis; else nothing. */
export function warningOf(line: string): string | undefined {
  const console_ = /^(?:WARN|ERROR|FATAL): .*/.exec(line);
  if (console_) return console_[0];
  if (line.startsWith('{')) return jsonWarning(line);
  return redisWarning(line);
}

/**
 * Reads a line such as `1234:M 21 Nov 2026 22:03:01.123 # text`. Redis marks many plain reports with `#` too, and one
 * piece of advice about the machine (overcommit); these are not shown.
 */
function redisWarning(line: string): string | undefined {
  const text = /^\d+:[A-Z] .* # (.*)/.exec(line)?.[1];
  if (text === undefined || text.includes('overcommit')) return undefined;
  return /error|fail|can't|cannot|denied|corrupt|bad file|fatal|out of memory/i.test(text) ? text : undefined;
}

function jsonWarning(line: string): string | undefined {
  try {
    const { level, msg } = JSON.parse(line) as { level?: unknown; msg?: unknown };
    return level === 'warn' || level === 'error' || level === 'fatal' ? `${level.toUpperCase()}: ${msg}` : undefined;
  } catch {
    // A line that was cut off, or one that begins with a brace and is no JSON.
    return undefined;
  }
}

/** One service's output: every line goes to a file, and warnings are also shown to the operator. */
export class ServiceLog {
  readonly #file: number;
  readonly #show: (text: string) => void;
  readonly #last: string[] = [];
  #partial = '';
  #closed = false;
  #windowStart = 0;
  #shown = 0;

  /**
   * Begins a new file. The file of the last start is kept as `FILE.previous`.
   *
   * @param show gets the text of each warning, at most 10 in 10 s
   */
  constructor(path: string, show: (text: string) => void) {
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) renameSync(path, `${path}.previous`);
    this.#file = openSync(path, 'a');
    this.#show = show;
  }

  /** Takes output in pieces of any length. */
  write(text: string): void {
    if (this.#closed) return;
    writeSync(this.#file, text);
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      this.#last.push(line);
      if (this.#last.length > 20) this.#last.shift();
      const warning = warningOf(line);
      if (warning !== undefined) this.#showSome(warning);
    }
  }

  /** The last 20 lines or so, for the message about a process that ended. */
  tail(): readonly string[] {
    return this.#partial === '' ? this.#last : [...this.#last, this.#partial];
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#file);
  }

  #showSome(warning: string): void {
    const now = performance.now();
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now;
      this.#shown = 0;
    }
    this.#shown += 1;
    if (this.#shown <= SHOWN_MAX) this.#show(warning);
    else if (this.#shown === SHOWN_MAX + 1) this.#show('more warnings are in its log');
  }
}
