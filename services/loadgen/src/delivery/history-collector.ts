import type { HistoryReader, StoredMessage } from './history-reader.js';
import type { Journal } from './journal.js';
import type { Violations } from './violations.js';

/** Reads when this many messages were accepted since the last time. A session keeps 1000 messages by default (K2). */
const READ_AHEAD = 300;

/**
 * Reads a session's history while it grows, so that messages which are trimmed before the end (K2) can be audited too.
 */
export class HistoryCollector {
  readonly #reader: HistoryReader;
  readonly #journal: Journal;
  readonly #violations: Violations;
  readonly #messages = new Map<number, StoredMessage>();
  #newest = 0;
  #reading: Promise<void> | undefined;

  constructor(reader: HistoryReader, journal: Journal, violations: Violations) {
    this.#reader = reader;
    this.#journal = journal;
    this.#violations = violations;
  }

  /** Reads new messages, if there are enough. A failure does no harm: the next call reads the same messages. */
  readAhead(): void {
    if (this.#reading || this.#journal.newestAccepted - this.#newest < READ_AHEAD) return;
    this.#reading = this.#read(this.#newest)
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
      });
  }

  /**
   * Reads the whole history and compares it with what was read before.
   *
   * @param mayDiffer whether members were told of a reset (G4); then the history of now counts
   */
  async finish(mayDiffer: boolean): Promise<StoredMessage[]> {
    await this.#reading;
    await this.#read(0, mayDiffer);
    return [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
  }

  async #read(afterSeq: number, mayDiffer = false): Promise<void> {
    for (const message of await this.#reader.read(this.#journal.sessionId, afterSeq)) {
      const before = this.#messages.get(message.seq);
      if (before && before.id !== message.id && !mayDiffer) {
        const detail = `number ${message.seq} was ${before.id} and is ${message.id}`;
        this.#violations.add({ kind: 'history_changed', sessionId: this.#journal.sessionId, detail });
      }
      this.#messages.set(message.seq, message);
      this.#newest = Math.max(this.#newest, message.seq);
    }
  }
}
