import type { Position } from '@holdfast/protocol';
import type { NewMessage } from '@holdfast/session-store';
import type { Member } from '../../ports/member.js';

/** A member's message on its way into the log. */
export interface Sending {
  readonly member: Member;
  /** What the member named it; absent on the plain protocol, where the gateway named it. */
  readonly clientId?: string | undefined;
  readonly message: NewMessage;
  readonly bytes: number;
  /** When the member's frame arrived; monotonic milliseconds. */
  readonly arrivedMs: number;
}

/** A message in the queue. */
export interface Waiting extends Sending {
  /** Where the room was when it came. */
  readonly since: Position | undefined;
}

/** Bounds of one append, so that no script call holds Redis up. */
const BATCH_MESSAGES = 128;
const BATCH_BYTES = 262_144;

/** The next append's messages: the first that wait, within its bounds. */
export function firstOf(waiting: readonly Waiting[], most = BATCH_MESSAGES): Waiting[] {
  let bytes = 0;
  let end = 0;
  for (; end < waiting.length && end < most && bytes < BATCH_BYTES; end++) bytes += waiting[end]?.bytes ?? 0;
  return waiting.slice(0, end);
}

/**
 * The same message, to be looked for before it is stored (A4).
 *
 * @param after where an earlier attempt can be stored; absent: there was none
 */
export function asRetry(sending: Waiting, after: Position | undefined): Waiting {
  if (sending.message.retry !== undefined || !after) return sending;
  return { ...sending, message: { ...sending.message, retry: after.epoch === '' ? 'anywhere' : after } };
}
