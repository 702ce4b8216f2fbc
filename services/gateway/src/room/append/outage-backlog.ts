import { messageName } from '@holdfast/session-store';
import type { Sending, Waiting, WaitingList } from './waiting-list.js';

/**
 * Finds messages that wait while Redis is away by their name. A client that has lost its connection sends again whatever
 * has no number yet: during an outage that is everything it has sent, each time, and none of it may wait twice (D2).
 */
export class OutageBacklog {
  readonly #waiting: WaitingList;
  readonly #byName = new Map<string, Waiting>();
  /** Where the next repetition is looked for first, because clients repeat in their order. */
  #near = 0;

  /** @param inFlight how many of the waiting, from the first on, are on their way: their answers are still to come */
  constructor(waiting: WaitingList, inFlight: number) {
    this.#waiting = waiting;
    this.add(waiting.from(inFlight));
  }

  add(waiting: readonly Waiting[]): void {
    for (const sending of waiting)
      if (sending.message.senderKey !== '') this.#byName.set(messageName(sending.message), sending);
  }

  /**
   * Lets a repeated send that waits already be answered to the connection that repeats it.
   *
   * @returns the waiting message and its place, from 0; `conflict` where another content waits under this id;
   *   `undefined` where the send does not wait yet
   */
  takeOver(repeated: Sending): { readonly waiting: Waiting; readonly place: number } | 'conflict' | undefined {
    const first = this.#byName.get(messageName(repeated.message));
    if (!first) return undefined;
    if (first.message.head !== repeated.message.head) return 'conflict';
    const place = this.#waiting.placeOf(first, this.#near);
    this.#near = place + 1;
    const waiting = this.#waiting.moveTo(repeated.member, place);
    if (!waiting) return undefined;
    this.add([waiting]);
    return { waiting, place };
  }
}
