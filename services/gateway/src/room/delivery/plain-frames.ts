import { plainMessage } from '@holdfast/protocol';
import type { LiveMessage, NewMessage } from '@holdfast/session-store';

/** The frames of P2, made from the frames of V2 that came through the fan-out or from the log. Never throws. */
export function plainFrames(sessionId: string, messages: readonly LiveMessage[]): string[] {
  return messages.map(({ seq, frame }) => {
    const { content, timestamp } = readFrame(frame.toString());
    return JSON.stringify(plainMessage(sessionId, seq, content, timestamp));
  });
}

/** The frame of V3 for a message that is not stored yet. @param nowMs Unix milliseconds */
export function pendingFrame({ id, head }: NewMessage, nowMs: number): string {
  return `{"type":"message","pending":true,"id":"${id}",${head}${nowMs}}`;
}

/** The frame of P2 for a message that is not stored yet. @param count as far as this gateway knows */
export function plainPendingFrame(sessionId: string, count: number, message: NewMessage, nowMs: number): string {
  const { content, timestamp } = readFrame(pendingFrame(message, nowMs));
  return JSON.stringify(plainMessage(sessionId, count, content, timestamp));
}

/** An entry that somebody has broken in Redis stays an entry, without content. */
function readFrame(json: string): { content: string; timestamp: number } {
  try {
    const { content, timestamp } = Object(JSON.parse(json)) as Record<string, unknown>;
    if (typeof content === 'string' && typeof timestamp === 'number') return { content, timestamp };
  } catch {
    // Not JSON: treated like JSON of another form, below.
  }
  return { content: '', timestamp: 0 };
}
