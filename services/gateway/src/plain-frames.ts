import { type MessageFrame, plainMessage } from '@holdfast/protocol';
import type { LiveMessage, NewMessage } from '@holdfast/session-store';

/** The frames of P2 for messages whose frames of V2 came through the fan-out. */
export function plainFrames(sessionId: string, messages: readonly LiveMessage[]): string[] {
  return messages.map(({ seq, frame }) => {
    const { content, timestamp } = JSON.parse(frame.toString()) as MessageFrame;
    return JSON.stringify(plainMessage(sessionId, seq, content, timestamp));
  });
}

/** The frame of V3: a message that is not stored yet. @param nowMs Unix milliseconds */
export function pendingFrame({ id, head }: NewMessage, nowMs: number): string {
  return `{"type":"message","pending":true,"id":"${id}",${head}${nowMs}}`;
}

/** The frame of P2 for such a message. @param count the gateway's own */
export function plainPendingFrame(sessionId: string, count: number, message: NewMessage, nowMs: number): string {
  const { content, timestamp } = JSON.parse(pendingFrame(message, nowMs)) as MessageFrame;
  return JSON.stringify(plainMessage(sessionId, count, content, timestamp));
}
