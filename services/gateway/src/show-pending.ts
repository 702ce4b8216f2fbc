import { messageName, type NewMessage } from '@holdfast/session-store';
import type { Member } from './member.js';
import { pendingFrame, plainPendingFrame } from './plain-frames.js';

/**
 * Shows a room's members a message that is not stored yet: as V3, or as P2 with the gateway's own count.
 *
 * @param count the session's count with it, as far as this gateway knows
 * @param nowMs Unix milliseconds
 */
export function showPending(
  sessionId: string,
  members: Iterable<Member>,
  message: NewMessage,
  count: number,
  nowMs: number,
): void {
  const framed = pendingFrame(message, nowMs);
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
