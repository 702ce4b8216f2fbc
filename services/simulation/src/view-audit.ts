import type { ChatMessage } from '@holdfast/client';
import type { Fail, History } from './history.js';
import type { Stored } from './stored.js';

/** Checks that a member is shown the whole history, in order and once, over all its connections and pages. */
export class ViewAudit {
  readonly #name: string;
  readonly #history: History;
  readonly #fail: Fail;
  readonly #tailsAreSmall: boolean;
  /** The number under which each content was shown. */
  readonly #contents = new Map<string, number>();
  /** The content that was shown under each number. */
  readonly #shown: string[] = [];
  /** The number that has to come next. Absent before the first welcome. */
  #next: number | undefined;

  constructor(name: string, history: History, fail: Fail, tailsAreSmall: boolean) {
    this.#name = name;
    this.#tailsAreSmall = tailsAreSmall;
    this.#history = history;
    this.#fail = fail;
  }

  /** The newest number that was shown, or the one after which the member began. */
  get seq(): number {
    return (this.#next ?? 1) - 1;
  }

  /**
   * Whether the newest message that it was shown is another one than the history has under that number: the member has
   * not noticed yet that the session is another one.
   */
  get isOutdated(): boolean {
    const shown = this.#shown[this.seq];
    return shown !== undefined && !this.#mayDiffer && shown !== this.#history.at(this.seq)?.content;
  }

  /** The member's first welcome. From here on nothing may be missing. */
  begin(next: number): void {
    this.#next ??= next;
  }

  /** A message that was shown has a number now, or another number. */
  updated(message: ChatMessage): void {
    const { content, seq } = message;
    const earlier = this.#contents.get(content);
    // When histories were joined (G4) a message may have moved. The member shows it once, in its new place.
    const hasMoved = earlier !== undefined && earlier !== seq && this.#history.at(earlier)?.content !== content;
    if (hasMoved && this.#history.isDisturbed) this.#contents.delete(content);
    this.shown(message);
  }

  shown(message: ChatMessage): void {
    const { id, content, seq } = message;
    // The message is pending, because Redis is away. It comes again with a number (V3).
    if (seq === undefined) return;
    // In an epoch that it did not know, a member asks for the whole log and recognises what it has.
    if (this.#history.isDisturbed && this.#next !== undefined && seq < this.#next && this.#shown[seq] === content)
      return;
    if (this.#contents.has(content) && !this.#history.isAgain(seq) && !this.#mayDiffer) {
      this.#fail('1', `${this.#name} is shown ${id} twice`);
    }
    this.#contents.set(content, seq);
    this.#shown[seq] = content;
    if (seq !== this.#next) this.#fail('1', `${this.#name} is shown ${seq} where ${this.#next} was due`);
    const isIt = (stored: Stored | undefined) => stored?.content === content;
    if (!isIt(this.#history.at(seq)) && !this.#history.ever(seq).some(isIt)) {
      this.#fail('1', `${this.#name} is shown ${id} as ${seq}, which it is not`);
    }
    this.#next = seq + 1;
  }

  /** Checks in the end that the member was shown the log, except for gaps that it was told of. */
  end(): void {
    if (this.#mayDiffer) return;
    for (const { seq, content } of this.#history.kept) {
      const shown = this.#shown[seq];
      if (shown !== undefined && shown !== content) {
        this.#fail('1', `${this.#name} was shown "${shown}" as ${seq}, which is "${content}"`);
      }
    }
  }

  /**
   * Whether members may have messages that changed. A room that has forgotten them cannot tell its members (F5, G4).
   */
  get #mayDiffer(): boolean {
    return this.#history.isDisturbed && this.#tailsAreSmall;
  }

  /** The session has ended. Later messages belong to another one. */
  forget(): void {
    this.#next = undefined;
    this.#shown.length = 0;
    this.#contents.clear();
  }

  /**
   * After an outage the member continues from the number that it is told (D3).
   *
   * @param isUnknown whether its gateway does not know the member's messages, which then stay in front of what comes
   *   now and may belong to another history (R2)
   */
  reset(from: number, isUnknown = false): void {
    if (this.#next !== undefined && from > this.#next && !isUnknown) {
      this.#fail('D3', `${this.#name} goes on from ${from} where ${this.#next} was due`);
    }
    this.#next = from;
    for (const [content, seq] of this.#contents) if (seq >= from || isUnknown) this.#contents.delete(content);
    this.#shown.length = isUnknown ? 0 : Math.min(this.#shown.length, from);
  }

  /** The member was told that some numbers will not come. */
  gap(from: number, to: number): void {
    if (from !== this.#next)
      this.#fail('V7', `${this.#name} is told of a gap from ${from} where ${this.#next} was due`);
    if (to >= this.#history.firstKept && !this.#history.isDisturbed) {
      this.#fail('V7', `${this.#name} is told of a gap to ${to}, which is kept`);
    }
    this.#next = to + 1;
  }
}
