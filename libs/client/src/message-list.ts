import type { ChatMessage } from './events.js';

interface Item {
  readonly message: ChatMessage;
  /** How many resets of the history came before it: numbers compare within one generation only. */
  readonly generation: number;
}

/** A session's messages in the order they are shown: by number where they have one, pending ones last. */
export class MessageList {
  #items: Item[] = [];
  #generation = 0;
  #dropped = 0;

  /** @param max messages kept; beyond it the oldest go */
  constructor(readonly max: number) {}

  /** Messages that went because there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#items.length;
  }

  messages(): ChatMessage[] {
    return this.#items.map(({ message }) => message);
  }

  /** Puts a message where it belongs; one with the same id and sender goes from where it was. */
  put(message: ChatMessage): void {
    const at = this.#items.findLastIndex(
      ({ message: { id, sender } }) => id === message.id && sender === message.sender,
    );
    if (at >= 0) this.#items.splice(at, 1);
    const item = { message, generation: this.#generation };
    let place = this.#items.length;
    while (place > 0 && isBefore(item, this.#items[place - 1])) place -= 1;
    this.#items.splice(place, 0, item);
    if (this.#items.length > this.max) {
      this.#items.shift();
      this.#dropped += 1;
    }
  }

  /** Adds what the history has and this list has not. */
  merge(history: readonly ChatMessage[]): void {
    const known = new Set(this.#items.map(({ message }) => message.id));
    for (const message of history) if (!known.has(message.id)) this.put(message);
  }

  /** What comes from now on is numbered anew. */
  reset(): void {
    this.#generation += 1;
  }
}

function isBefore(item: Item, other: Item | undefined): boolean {
  if (!other) return false;
  const [mine, its] = [item.message, other.message];
  if (its.pending) return !mine.pending;
  if (mine.seq === undefined || its.seq === undefined) return false;
  return item.generation === other.generation && mine.seq < its.seq;
}
