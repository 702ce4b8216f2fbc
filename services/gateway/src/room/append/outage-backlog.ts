import { messageName } from '@holdfast/session-store';
import type { RoomContext } from '../../shared/gateway-context.js';
import type { AppendRoom } from './append-room.js';
import type { Sending, Waiting } from './batch.js';

/**
 * What waits while Redis is away, by name. A client that has lost its connection sends again whatever has no number yet:
 * during an outage that is all it has sent, each time, and none of it may wait more than once (D2).
 */
export class OutageBacklog {
  readonly #room: AppendRoom;
  readonly #context: RoomContext;
  readonly #byName = new Map<string, Waiting>();
  /** Clients repeat in their order: the next one is found from here on. */
  #from = 0;

  constructor(room: AppendRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
  }

  add(waiting: readonly Waiting[]): void {
    for (const sending of waiting)
      if (sending.message.senderKey !== '') this.#byName.set(messageName(sending.message), sending);
  }

  /** Lets a send that waits already wait for its client where that is now. @returns whether it waits already */
  takes(repeated: Sending, waiting: Waiting[]): boolean {
    const held = repeated.message.retry === undefined ? undefined : this.#byName.get(messageName(repeated.message));
    if (!held) return false;
    let at = waiting.indexOf(held, this.#from);
    if (at < 0) at = waiting.indexOf(held);
    this.#from = at + 1;
    if (at < 0) return false;
    const moved = { ...held, member: repeated.member };
    waiting[at] = moved;
    this.add([moved]);
    this.#context.metrics.counters.duplicates += 1;
    this.#room.showPending(moved, at + 1);
    return true;
  }
}
