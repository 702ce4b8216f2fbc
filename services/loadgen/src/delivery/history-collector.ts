import type { HistoryReader, StoredMessage } from './history-reader.js';
import type { Journal } from './journal.js';
import type { Violations } from './violations.js';

/**
 * Reads ahead when this much was accepted since: well within the 1000 messages that a session keeps by default (K2).
 */
const READ_AHEAD = 300;

/** Gathers a session's history while it grows, so that what is trimmed meanwhile (K2) can be audited too. */
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

  /** Reads what is new, if there is enough of it. An API that is away is asked again the next time. */
  readAhead(): void {
    if (this.#reading || this.#journal.newestAccepted - this.#newest < READ_AHEAD) return;
    this.#reading = this.#read(this.#newest)
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
      });
  }

  /**
   * Reads everything that is kept, and holds it against what was read before.
   *
   * @param mayDiffer the members were told of a reset (G4): what is kept now counts
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
