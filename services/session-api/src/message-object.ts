import { replyContent } from '@holdfast/protocol';
import { type LogEntry, SessionCorruptError, storedFrame } from '@holdfast/session-store';
import { Type } from 'typebox';

/** Why an encrypted message cannot be read: its content is empty then (E1). */
type UnreadableError = 'key_missing' | 'not_authentic';
const UnreadableError = Type.Unsafe<UnreadableError>({
  type: 'string',
  enum: ['key_missing', 'not_authentic'],
  description: 'why an encrypted message cannot be read; its content is empty then',
});

/** With `view=log`: a message as framed members get it (V2). */
export const LogMessage = Type.Object({
  type: Type.Literal('message'),
  seq: Type.Integer(),
  id: Type.String(),
  content: Type.String(),
  sender: Type.String(),
  timestamp: Type.Number({ description: 'Unix milliseconds' }),
  error: Type.Optional(UnreadableError),
});

export interface LogMessage {
  type: 'message';
  seq: number;
  id: string;
  content: string;
  sender: string;
  timestamp: number;
  error?: UnreadableError;
}

/** With `view=pairs`: one of the two faces of a message. */
export const MessageFace = Type.Object({
  content: Type.String(),
  timestamp: Type.Number({ description: 'Unix milliseconds' }),
  isSent: Type.Boolean({ description: 'true: what was sent; false: the reply to it' }),
  sessionId: Type.String(),
  seq: Type.Integer(),
  id: Type.String(),
  error: Type.Optional(UnreadableError),
});

/**
 * Reads a message from its entry in the log.
 *
 * @throws {SessionCorruptError} when the entry is not one that a store writes
 */
export function logMessage(sessionId: string, entry: LogEntry): LogMessage {
  let message: Partial<LogMessage>;
  try {
    // The token of an encrypted text that cannot be read helps nobody.
    const { sealed: _sealed, ...rest } = JSON.parse(storedFrame(entry.seq, entry.id, entry.body));
    message = rest as Partial<LogMessage>;
  } catch {
    throw new SessionCorruptError(sessionId);
  }
  if (!isWhole(message)) throw new SessionCorruptError(sessionId);
  return message;
}

/** The two faces of each stored message, as the original guides show them: what was sent, and the reply. */
export function* messageFaces(sessionId: string, messages: readonly LogMessage[]) {
  for (const { seq, id, content, timestamp, error } of messages) {
    const failed = error === undefined ? {} : { error };
    yield { content, timestamp, isSent: true, sessionId, seq, id, ...failed };
    yield { content: replyContent(seq, content), timestamp, isSent: false, sessionId, seq, id, ...failed };
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
