/** An event that a member's page saw. */
export type Sighting =
  /** A message was shown: its index in the journal, and its number, which is 0 while it is pending (V3). */
  | { readonly kind: 'message'; readonly index: number; readonly seq: number }
  /** A message that was shown before got a number, or another number. */
  | { readonly kind: 'update'; readonly index: number; readonly seq: number }
  /** Messages that will not be shown (V7). */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  /** From this number on the history may differ from what was shown (V7). */
  | { readonly kind: 'reset'; readonly from: number }
  /** The page was reloaded. The new page does not know messages that were shown without a number. */
  | { readonly kind: 'reload' };

const KINDS = ['message', 'update', 'gap', 'reset', 'reload'] as const;

/** What a member saw, in order. Each event takes eight bytes, because a check has millions of them. */
export class Track {
  #words = new Int32Array(128);
  #used = 0;
  #newest = 0;
  /** The newest number when the member joined; it has to be shown all later messages. Absent: it never connected. */
  joinedAfter: number | undefined;

  get length(): number {
    return this.#used / 2;
  }

  /** The newest number that was shown. */
  get newest(): number {
    return this.#newest;
  }

  message(index: number, seq: number): void {
    this.#newest = Math.max(this.#newest, seq);
    this.#push('message', index, seq);
  }

  update(index: number, seq: number): void {
    this.#newest = Math.max(this.#newest, seq);
    this.#push('update', index, seq);
  }

  gap(from: number, to: number): void {
    this.#newest = Math.max(this.#newest, to);
    this.#push('gap', from, to);
  }

  reset(from: number): void {
    this.#newest = from - 1;
    this.#push('reset', from, 0);
  }

  reload(): void {
    this.#push('reload', 0, 0);
  }

  *sightings(): Generator<Sighting> {
    for (let at = 0; at < this.#used; at += 2) {
      const [first = 0, second = 0] = this.#words.subarray(at, at + 2);
      const value = Math.floor(first / KINDS.length);
      const kind = KINDS[first % KINDS.length] ?? 'message';
      if (kind === 'gap') yield { kind, from: value, to: second };
      else if (kind === 'reset') yield { kind, from: value };
      else if (kind === 'reload') yield { kind };
      else yield { kind, index: value, seq: second };
    }
  }

  #push(kind: Sighting['kind'], value: number, second: number): void {
    if (this.#used === this.#words.length) {
      const grown = new Int32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[this.#used] = value * KINDS.length + KINDS.indexOf(kind);
    this.#words[this.#used + 1] = second;
    this.#used += 2;
  }
}
