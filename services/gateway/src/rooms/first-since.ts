import type { LiveMessage } from '@holdfast/session-store';

const TIMESTAMP = /"timestamp":(\d+)\}$/;
/** More than the end of a frame from its time on. */
const END_BYTES = 40;

/**
 * The first number of a room's tail whose message was stored since a time; the one after the newest when none was.
 *
 * @param ms Unix milliseconds of Redis' clock
 */
export function firstSince(
  { seq, tail }: { readonly seq: number; readonly tail: { at(seq: number): LiveMessage | undefined } },
  ms: number,
): number {
  let first = seq + 1;
  for (let message = tail.at(first - 1); message && timeOf(message) >= ms; message = tail.at(first - 1)) first -= 1;
  return first;
}

function timeOf({ frame }: LiveMessage): number {
  return Number(TIMESTAMP.exec(frame.toString('latin1', Math.max(0, frame.length - END_BYTES)))?.[1] ?? 0);
}
