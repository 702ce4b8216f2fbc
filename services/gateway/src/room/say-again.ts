import type { Position } from '@holdfast/protocol';
import { encodeStored, type LiveMessage, liveChannel } from '@holdfast/session-store';
import type { RoomContext } from '../shared/gateway-context.js';

/** Most messages that are said again; whoever lacks more asks the log. */
const AGAIN_MAX = 200;

/** What is needed of a room. */
export interface SpeakingRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly tail: {
    at(seq: number): LiveMessage | undefined;
    from(seq: number, limit: number): LiveMessage[] | undefined;
  };
  readonly sync: { run(reason: 'unheard'): Promise<void> };
}

/**
 * A publish found no subscriber although this gateway is one: the session's slot is on the move, and subscriptions are
 * still with its owner, where a plain publish goes (A7).
 *
 * @param from the first number that nobody heard
 */
export async function sayAgain(room: SpeakingRoom, context: RoomContext, epoch: string, from: number): Promise<void> {
  await room.sync.run('unheard');
  const unheard = room.tail.from(from, AGAIN_MAX);
  if (!unheard || room.position?.epoch !== epoch) return;
  const before = { epoch, seq: from - 1, id: room.tail.at(from - 1)?.id ?? '' };
  const messages = unheard.map(({ senderKey, frame }) => ({ senderKey, frame: frame.toString() }));
  await context.fanOut
    .publish(liveChannel(room.sessionId), encodeStored(before, messages))
    .catch((error: unknown) => context.storage.failed(error));
}
