import { messageName, type NewMessage } from '@holdfast/session-store';
import type { Member } from '../../ports/member.js';
import { pendingFrame, plainPendingFrame } from './plain-frames.js';

/** What it needs of a room. */
export interface ShowingRoom {
  readonly sessionId: string;
  readonly audience: {
    publish(frame: Uint8Array): Iterable<Member>;
    placed(also: Member): Iterable<Member>;
  };
}

/**
 * Shows a room's members a message that is not stored yet: as V3, or as P2 with the gateway's own count.
 *
 * @param count the session's count with it, as far as this gateway knows
 * @param nowMs Unix milliseconds
 */
export function showPending(
  { sessionId, audience }: ShowingRoom,
  sender: Member,
  message: NewMessage,
  count: number,
  nowMs: number,
): void {
  const framed = Buffer.from(pendingFrame(message, nowMs));
  // What is sent again may have been stored by another gateway, and whoever is not placed yet may have had it there:
  // its number would not come again.
  const members = message.retry === undefined ? audience.publish(framed) : audience.placed(sender);
  // One string for all members that keep it.
  const name = messageName(message);
  let plain: string | undefined;
  for (const member of members) {
    if (!member.showPending(name)) continue;
    if (member.protocol === 'framed') member.write([framed]);
    else {
      plain ??= plainPendingFrame(sessionId, count, message, nowMs);
      member.write([plain]);
    }
  }
}
