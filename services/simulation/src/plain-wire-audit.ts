import type { History } from './history.js';
import type { WireAuditOptions } from './wire-audit.js';

/**
 * Checks every frame that a gateway puts on one plain connection (P2). A message that was shown while Redis was away
 * has a count from the gateway alone, and does not come again (D1, D3).
 */
export class PlainWireAudit {
  readonly #options: WireAuditOptions;
  readonly #shown = new Set<string>();
  /** The number up to which the connection was shown everything; 0: nothing yet. */
  #seq = 0;
  /** From when on it has to be given everything. Its first message tells where it joined. */
  sinceMs = Number.POSITIVE_INFINITY;

  constructor(options: WireAuditOptions) {
    this.#options = options;
  }

  get history(): History {
    return this.#options.history;
  }

  get seq(): number {
    // What was trimmed can be given to nobody any more.
    const isPast = (seq: number): boolean => seq < this.history.firstKept || this.#wasShown(seq);
    if (this.#seq > 0) while (isPast(this.#seq + 1)) this.#seq += 1;
    return this.#seq;
  }

  sent(text: string): void {
    const { history, name, fail, heard } = this.#options;
    const frame = JSON.parse(text) as { type?: string; count?: number; echo?: string; timestamp?: number };
    if (frame.type !== 'message') return;
    const { count = 0, echo = '', timestamp = 0 } = frame;
    const earlier = history.find(echo);
    const mayRepeat =
      (earlier && history.wasTrimmed(earlier)) ||
      history.isAgain(count) ||
      this.#options.tailsAreSmall ||
      history.isShort;
    if (this.#shown.has(echo) && !mayRepeat) fail('D3', `${name}: is shown twice: ${text}`);
    const before = this.seq;
    if (this.#shown.has(echo) && mayRepeat) return;
    this.#shown.add(echo);
    if (history.isDisturbed) {
      if (before === 0) this.sinceMs = this.#options.now();
      const stored = history.at(count)?.content === echo ? count : 0;
      // A first message that is pending does not tell where the connection joined: behind all that is stored by then.
      this.#seq = Math.max(1, before, before === 0 && stored === 0 ? history.newest : stored);
      return;
    }
    const there = history.at(count);
    // A pending message has the time at which its gateway shows it. Its gateway's count may happen to be the number under
    // which another gateway has stored it meanwhile, and this gateway may have got that publish but not delivered it.
    const isThat = there?.content === echo && there.frame.endsWith(`"timestamp":${timestamp}}`);
    if (!isThat || count > heard()) {
      // The message is pending, unless it was stored before this connection began and its gateway still knows that. Once
      // it was trimmed nobody knows: its repetition waits like a first send (A4).
      const stored = history.find(echo);
      if (stored && stored.seq <= before && history.isKept(stored) && !this.#options.tailsAreSmall)
        fail('P2', `${name}: message ${count} is not the one of the log: ${text}`);
      return;
    }
    // The plain protocol has no frame for a gap (V7). A member sees it by the count.
    let last = before;
    while (last + 1 < count && (last + 1 < history.firstKept || this.#wasShown(last + 1))) last += 1;
    const due = before === 0 || count <= last + 1;
    if (!due) fail('P2', `${name}: message ${count} came after ${before}`);
    if (before === 0) this.sinceMs = this.#options.now();
    this.#seq = Math.max(before, count);
  }

  /** Whether it was given something at some time. */
  has(content: string): boolean {
    return this.#shown.has(content);
  }

  #wasShown(seq: number): boolean {
    const content = this.history.at(seq)?.content;
    return content !== undefined && this.#shown.has(content);
  }
}
