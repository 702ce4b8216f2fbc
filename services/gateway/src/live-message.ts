import { type LiveMessage, type LogEntry, storedFrame } from '@holdfast/session-store';

/** A log entry as a room delivers it. */
export function liveMessage({ seq, id, senderKey, body }: LogEntry): LiveMessage {
  return { seq, id, senderKey, frame: Buffer.from(storedFrame(seq, id, body)) };
}
