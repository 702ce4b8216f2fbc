import { decodeLive, type LivePayload } from '@holdfast/session-store';

/** A message as it was stored and published, once and for all. */
export interface Stored {
  readonly seq: number;
  readonly id: string;
  /** Unlike that of any other message that was ever sent. */
  readonly content: string;
  /** The frame of V2. */
  readonly frame: string;
  /** When, in virtual milliseconds. */
  readonly atMs: number;
}

/** Reports what must not be. @param rule of protocol.md or storage.md */
export type Fail = (rule: string, what: string) => void;

/** What one session's log has ever held: the truth that everything else is held against. */
export class History {
  readonly sessionId: string;
  readonly #historyMax: number;
  readonly #now: () => number;
  readonly #fail: Fail;
  readonly #seqs = new Map<string, number>();
  readonly #entries: Stored[] = [];
  readonly #byContent = new Map<string, Stored>();
  /** Numbers under which something was stored again that was not kept any more (A4 allows it). */
  readonly #again = new Set<number>();
  #epoch = '';

  /** @param historyMax messages that the store keeps; @param now virtual milliseconds */
  constructor(sessionId: string, historyMax: number, now: () => number, fail: Fail) {
    this.sessionId = sessionId;
    this.#historyMax = historyMax;
    this.#now = now;
    this.#fail = fail;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get newest(): number {
    return this.#entries.length;
  }

  /** Oldest number that is kept; 0 when there is none. */
  get firstKept(): number {
    return this.newest === 0 ? 0 : Math.max(1, this.newest - this.#historyMax + 1);
  }

  at(seq: number): Stored | undefined {
    return this.#entries[seq - 1];
  }

  /** Under which number something was stored first. */
  find(content: string): Stored | undefined {
    return this.#byContent.get(content);
  }

  /** The newest number that was stored at a time or before. */
  newestAt(atMs: number): number {
    let seq = this.newest;
    while (seq > 0 && (this.at(seq)?.atMs ?? 0) > atMs) seq -= 1;
    return seq;
  }

  /** Whether what stands under a number had been stored before, beyond what was kept. */
  isAgain(seq: number): boolean {
    return this.#again.has(seq);
  }

  get entries(): readonly Stored[] {
    return this.#entries;
  }

  published(payload: Buffer): void {
    const live = decodeLive(payload);
    if (live?.kind === 'stored') this.#add(live);
  }

  #add({ before, messages }: Extract<LivePayload, { kind: 'stored' }>): void {
    if (this.#epoch === '') this.#epoch = before.epoch;
    if (before.epoch !== this.#epoch) this.#fail('G3', `${this.sessionId} began a new epoch although nothing was lost`);
    if (before.seq !== this.newest) this.#fail('A1', `${this.sessionId}: ${before.seq} was followed by another number`);
    if (before.id !== (this.at(before.seq)?.id ?? '')) this.#fail('K6', `${before.seq} is not ${before.id}`);
    for (const { seq, id, senderKey, frame } of messages) {
      const name = `${senderKey} ${id}`;
      const earlier = this.#seqs.get(name) ?? 0;
      if (earlier > 0 && earlier >= this.firstKept) {
        this.#fail('A4', `${id} was stored twice in ${this.sessionId}: as ${earlier} and as ${seq}`);
      }
      this.#seqs.set(name, seq);
      const text = frame.toString();
      const { content } = JSON.parse(text) as { content: string };
      const stored = { seq, id, content, frame: text, atMs: this.#now() };
      this.#entries.push(stored);
      const first = this.#byContent.get(content);
      if (!first) this.#byContent.set(content, stored);
      else if (earlier > 0) this.#again.add(seq);
      else this.#fail('A4', `"${content}" was stored as ${first.seq} and, under another name, as ${seq}`);
    }
  }
}
