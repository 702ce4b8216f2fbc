import { type MessageFrame, plainMessage } from '@holdfast/protocol';
import type { LiveMessage } from '@holdfast/session-store';

/** The frames of P2 for messages whose frames of V2 came through the fan-out. */
export function plainFrames(sessionId: string, messages: readonly LiveMessage[]): string[] {
  return messages.map(({ seq, frame }) => {
    const { content, timestamp } = JSON.parse(frame.toString()) as MessageFrame;
    return JSON.stringify(plainMessage(sessionId, seq, content, timestamp));
  });
}
