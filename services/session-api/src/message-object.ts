import { replyContent } from '@holdfast/protocol';
import { type LogEntry, SessionCorruptError, storedFrame } from '@holdfast/session-store';
import { Type } from 'typebox';

/** With `view=log`: a message as framed members get it (V2). */
export const LogMessage = Type.Object({
  type: Type.Literal('message'),
  seq: Type.Integer(),
  id: Type.String(),
  content: Type.String(),
  sender: Type.String(),
  timestamp: Type.Number({ description: 'Unix milliseconds' }),
});

export interface LogMessage {
  type: 'message';
  seq: number;
  id: string;
  content: string;
  sender: string;
  timestamp: number;
}

/** With `view=pairs`: one of the two faces of a message. */
export const MessageFace = Type.Object({
  content: Type.String(),
  timestamp: Type.Number({ description: 'Unix milliseconds' }),
  isSent: Type.Boolean({ description: 'true: what was sent; false: the reply to it' }),
  sessionId: Type.String(),
  seq: Type.Integer(),
  id: Type.String(),
});

/**
 * Reads a message from its entry in the log.
 *
 * @throws {SessionCorruptError} when the entry is not one that a store writes
 */
export function logMessage(sessionId: string, entry: LogEntry): LogMessage {
  let message: Partial<LogMessage>;
  try {
    message = JSON.parse(storedFrame(entry.seq, entry.id, entry.body)) as Partial<LogMessage>;
  } catch {
    throw new SessionCorruptError(sessionId);
  }
  if (!isWhole(message)) throw new SessionCorruptError(sessionId);
  return message;
}

/** The two faces of each stored message, as the original guides show them: what was sent, and the reply. */
export function* messageFaces(sessionId: string, messages: readonly LogMessage[]) {
  for (const { seq, id, content, timestamp } of messages) {
    yield { content, timestamp, isSent: true, sessionId, seq, id };
    yield { content: replyContent(seq, content), timestamp, isSent: false, sessionId, seq, id };
  }
}

/** About how many characters of an answer are made at once. */
const PART_LENGTH = 65_536;

/**
 * An answer with a page of history as JSON, in parts: each is made when the one before has been taken, so that the text
 * of a whole page is never in memory.
 *
 * @param before fields before the list, `messages`
 * @param after fields behind it, besides `count`, the length of the list
 */
export function* answerParts(before: object, messages: Iterable<object>, after: object): Generator<string> {
  let part = `${JSON.stringify(before).slice(0, -1)},"messages":[`;
  let count = 0;
  for (const message of messages) {
    part += `${count === 0 ? '' : ','}${JSON.stringify(message)}`;
    count += 1;
    if (part.length < PART_LENGTH) continue;
    yield part;
    part = '';
  }
  yield `${part}],${JSON.stringify({ count, ...after }).slice(1)}`;
}

function isWhole(message: Partial<LogMessage>): message is LogMessage {
  const { content, sender, timestamp } = message;
  return typeof content === 'string' && typeof sender === 'string' && typeof timestamp === 'number';
}
