/** A message that a member was told to send. Times are monotonic milliseconds. */
export interface SentMessage {
  readonly id: string;
  readonly sentAt: number;
  acceptedAt?: number;
  /** The number it was accepted with. */
  seq?: number;
  /** Why it was refused for good. */
  refusal?: string;
}

/** Everything that was sent in one session, and what became of it in the eyes of its senders. */
export class Journal {
  readonly messages: SentMessage[] = [];
  readonly #indexes = new Map<string, number>();
  #newestAccepted = 0;
  #open = 0;

  constructor(
    readonly sessionId: string,
    /** Length of every content. */
    readonly contentBytes: number,
  ) {}

  /** Highest number anything was accepted with; 0 when there is none. */
  get newestAccepted(): number {
    return this.#newestAccepted;
  }

  /** Messages neither accepted nor refused yet. */
  get open(): number {
    return this.#open;
  }

  add(id: string, sentAt: number): void {
    this.#indexes.set(id, this.messages.length);
    this.messages.push({ id, sentAt });
    this.#open += 1;
  }

  /** Where a message stands in {@link messages}; nothing for one that nobody here sent. */
  indexOf(id: string): number | undefined {
    return this.#indexes.get(id);
  }

  find(id: string): SentMessage | undefined {
    const index = this.#indexes.get(id);
    return index === undefined ? undefined : this.messages[index];
  }

  /** @returns how long its sender waited, milliseconds; nothing when that was known before */
  accept(id: string, seq: number, at: number): number | undefined {
    const message = this.find(id);
    if (!message || message.acceptedAt !== undefined) return undefined;
    message.acceptedAt = at;
    message.seq = seq;
    this.#newestAccepted = Math.max(this.#newestAccepted, seq);
    this.#open -= 1;
    return at - message.sentAt;
  }

  refuse(id: string, reason: string): void {
    const message = this.find(id);
    if (!message || message.acceptedAt !== undefined || message.refusal !== undefined) return;
    message.refusal = reason;
    this.#open -= 1;
  }

  /** What a message says: derived from its id, so that it need not be kept to be compared. */
  contentOf(id: string): string {
    return `${id} `.padEnd(this.contentBytes, '.');
  }
}
