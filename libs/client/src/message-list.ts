import type { ChatMessage } from './events.js';

interface Item {
  readonly message: ChatMessage;
  /** How many resets of the history came before the message. Numbers of two generations cannot be compared. */
  readonly generation: number;
}

/** Numbers of messages that are not kept any more. */
export interface MessageGap {
  readonly from: number;
  readonly to: number;
}

/** Of messages whose numbers are compared with no others. */
const ADOPTED = -1;

/** A session's messages in the order they are shown: by number where they have one, and pending messages last. */
export class MessageList {
  #items: Item[] = [];
  #generation = 0;
  #dropped = 0;
  /** Numbers that will never arrive, by the key of the message that stands behind them. */
  readonly #gaps = new Map<string, MessageGap>();
  /** A gap whose next message has not come yet. */
  #openGap: MessageGap | undefined;
  /** The lowest and the highest number that was dropped in this generation. */
  #droppedFrom = Number.POSITIVE_INFINITY;
  #droppedTo = 0;

  /** @param max number of messages in the list; beyond it the oldest are dropped */
  constructor(readonly max: number) {}

  /** Changes whenever the session's numbers begin anew. */
  get generation(): number {
    return this.#generation;
  }

  /** How many messages were dropped because there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#items.length;
  }

  /** By the key ({@link keyOf}) of the message that stands behind it. */
  get gaps(): ReadonlyMap<string, MessageGap> {
    return this.#gaps;
  }

  messages(): ChatMessage[] {
    return this.#items.map(({ message }) => message);
  }

  /**
   * Puts a message where it belongs. It replaces the one with the same id and sender.
   *
   * @param isOld whether it may be older than messages of another generation, whose times then tell
   */
  put(message: ChatMessage, isOld = false): void {
    const at = this.#items.findLastIndex(
      ({ message: { id, sender } }) => id === message.id && sender === message.sender,
    );
    const known = this.#items[at];
    if (known && message.seq === undefined) {
      // It came again, from a sender that did not know that it had arrived, and stays where it is.
      this.#items[at] = { ...known, message };
      return;
    }
    if (known) this.#items.splice(at, 1);
    if (this.#openGap && message.seq === this.#openGap.to + 1) {
      this.#gaps.set(keyOf(message), this.#openGap);
      this.#openGap = undefined;
    }
    const item = { message, generation: this.#generation };
    let place = this.#items.length;
    while (place > 0 && isBefore(item, this.#items[place - 1], isOld)) place -= 1;
    this.#items.splice(place, 0, item);
    if (this.#items.length > this.max) {
      const oldest = this.#items.shift();
      this.#countDropped(oldest?.generation === this.#generation ? oldest.message.seq : undefined);
    }
  }

  /**
   * Adds the messages of the history that the list does not have. Messages that the list has dropped stay out, and each
   * counts as dropped once.
   *
   * @param history the oldest first
   */
  merge(history: readonly ChatMessage[]): void {
    const known = new Set(this.#items.map(({ message }) => keyOf(message)));
    // From the newest to the oldest, so that no message is put in the list only to be dropped for the next one.
    for (const message of [...history].reverse()) {
      const { seq = Number.POSITIVE_INFINITY } = message;
      if (known.has(keyOf(message))) continue;
      if (seq > this.#droppedTo) this.put(message, true);
      else if (seq < this.#droppedFrom) this.#countDropped(seq);
    }
  }

  /**
   * Adds messages that the list does not have and that this client has not received itself, such as those that another
   * tab has stored. Their numbers may be of any generation, so they are put in by their order and their time.
   *
   * @param others in the order in which they are shown
   */
  adopt(others: readonly ChatMessage[]): void {
    const items = new Map(this.#items.map((item) => [keyOf(item.message), item]));
    const settled = this.messages().filter(({ pending }) => !pending);
    const pending = this.#items.filter(({ message }) => message.pending);
    const merged = mergeInOrder(settled, others).filter((message) => !items.get(keyOf(message))?.message.pending);
    this.#items = merged.map((message) => items.get(keyOf(message)) ?? { message, generation: ADOPTED });
    this.#items.push(...pending);
    for (const _tooOld of this.#items.splice(0, this.#items.length - this.max)) this.#countDropped(undefined);
  }

  /** Call when messages with these numbers will never arrive. */
  gap(gap: MessageGap): void {
    this.#openGap = gap;
  }

  /** Call when the session's numbers begin anew. What comes then is shown behind what came before. */
  reset(): void {
    this.#generation += 1;
    this.#openGap = undefined;
    this.#droppedFrom = Number.POSITIVE_INFINITY;
    this.#droppedTo = 0;
  }

  /** Call when what the list has is not part of the session any more. */
  clear(): void {
    this.reset();
    this.#items = [];
    this.#gaps.clear();
    this.#dropped = 0;
  }

  #countDropped(seq: number | undefined): void {
    this.#dropped += 1;
    if (seq === undefined) return;
    this.#droppedFrom = Math.min(this.#droppedFrom, seq);
    this.#droppedTo = Math.max(this.#droppedTo, seq);
  }
}

/** Tells a message from all others of its session: two senders may use the same id. */
export function keyOf({ id, sender }: Pick<ChatMessage, 'id' | 'sender'>): string {
  return `${sender}\n${id}`;
}

/**
 * Joins two lists of one session's messages. The first one keeps its order. A message that only the other one has stands
 * behind those that stand before it there, and among those that only the first one has by its time.
 */
export function mergeInOrder(first: readonly ChatMessage[], other: readonly ChatMessage[]): readonly ChatMessage[] {
  const inFirst = new Set(first.map(keyOf));
  const places = new Map(other.map((message, place) => [keyOf(message), place]));
  if (other.every((message) => inFirst.has(keyOf(message)))) return first;
  const merged: ChatMessage[] = [];
  let next = 0;
  const take = (isDue: (candidate: ChatMessage) => boolean) => {
    for (let candidate = other[next]; candidate && isDue(candidate); candidate = other[++next]) {
      if (!inFirst.has(keyOf(candidate))) merged.push(candidate);
    }
  };
  for (const message of first) {
    const place = places.get(keyOf(message));
    if (place !== undefined) take(() => next < place);
    else take((candidate) => !inFirst.has(keyOf(candidate)) && candidate.timestamp < message.timestamp);
    merged.push(message);
  }
  take(() => true);
  return merged;
}

function isBefore(item: Item, other: Item | undefined, isOld: boolean): boolean {
  if (!other) return false;
  const [mine, its] = [item.message, other.message];
  if (its.pending) return !mine.pending;
  if (mine.seq === undefined || its.seq === undefined) return false;
  return item.generation === other.generation ? mine.seq < its.seq : isOld && mine.timestamp < its.timestamp;
}
