/** A message that a member sent. Times are monotonic milliseconds. */
export interface SentMessage {
  readonly id: string;
  readonly sentAt: number;
  acceptedAt?: number;
  /** The number with which it was accepted. */
  seq?: number;
  /** Why it was refused for good. */
  refusal?: string;
  /** Whether some member was shown it as pending (V3). */
  wasPending?: true;
}

/** All messages that were sent in a session, and the answers that their senders got. */
export class Journal {
  readonly messages: SentMessage[] = [];
  readonly #indexes = new Map<string, number>();
  #newestAccepted = 0;
  #open = 0;

  constructor(
    readonly sessionId: string,
    /** Length of each message's content. */
    readonly contentBytes: number,
  ) {}

  /** The highest number of an accepted message; 0 when there is none. */
  get newestAccepted(): number {
    return this.#newestAccepted;
  }

  /** How many messages are neither accepted nor refused yet. */
  get open(): number {
    return this.#open;
  }

  add(id: string, sentAt: number): void {
    this.#indexes.set(id, this.messages.length);
    this.messages.push({ id, sentAt });
    this.#open += 1;
  }

  /** Index of a message in {@link messages}; nothing if no member sent it. */
  indexOf(id: string): number | undefined {
    return this.#indexes.get(id);
  }

  find(id: string): SentMessage | undefined {
    const index = this.#indexes.get(id);
    return index === undefined ? undefined : this.messages[index];
  }

  /** @returns how many milliseconds its sender waited; nothing if the message was accepted before, or is unknown */
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

  /** Notes that a member was shown a message as pending. @returns false when that is known */
  markPending(index: number): boolean {
    const message = this.messages[index];
    if (!message || message.wasPending) return false;
    message.wasPending = true;
    return true;
  }

  /** The content of a message. It follows from the id, so that it need not be stored to be compared. */
  contentOf(id: string): string {
    return `${id} `.padEnd(this.contentBytes, '.');
  }
}
