import type { ChatMessage } from './events.js';

interface Item {
  readonly message: ChatMessage;
  /** How many resets of the history came before the message. Numbers of two generations cannot be compared. */
  readonly generation: number;
}

/** A session's messages in the order they are shown: by number where they have one, and pending messages last. */
export class MessageList {
  #items: Item[] = [];
  #generation = 0;
  #dropped = 0;

  /** @param max number of messages in the list; beyond it the oldest are dropped */
  constructor(readonly max: number) {}

  /** How many messages were dropped because there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#items.length;
  }

  messages(): ChatMessage[] {
    return this.#items.map(({ message }) => message);
  }

  /** Puts a message where it belongs. It replaces the one with the same id and sender. */
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

  /** Adds the messages of the history that the list does not have. */
  merge(history: readonly ChatMessage[]): void {
    const known = new Set(this.#items.map(({ message }) => message.id));
    for (const message of history) if (!known.has(message.id)) this.put(message);
  }

  /** Call when the session's numbers begin anew. */
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
