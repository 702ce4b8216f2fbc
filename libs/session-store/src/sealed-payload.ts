import { idOffset, parseEntryText, storedFrame } from './message-format.js';
import { lineEnd, readMessages } from './message-segment.js';
import type { LogEntry } from './port.js';
import type { Seal } from './seal.js';
import { type OnUnreadable, openBody, sealEntry } from './sealed-message.js';

/*
 * What is published on a session's channel while contents are encrypted (E1), and what `live-payload.ts` reads it as:
 *
 * - `e EPOCH SEQ ID`: stored messages, as `m` has them, with the bodies that are in the log.
 * - `x TOKEN`: any other payload with a content, sealed as a whole.
 *
 * A process without keys does not know these kinds. It learns of the messages when it reads the log.
 */

const STORED = 0x6d;
const SEALED_STORED = 0x65;
const UNSTORED = 0x75;
const SIGNAL = 0x67;
const SEALED_WHOLE = 0x78;

/** A payload as it is published. */
export function sealPayload(seal: Seal, sessionId: string, payload: string | Buffer): string | Buffer {
  if (!seal.seals) return payload;
  switch (typeof payload === 'string' ? payload.charCodeAt(0) : payload[0]) {
    case STORED:
      return rewriteStored(Buffer.from(payload), 'e', (entry) => sealEntry(seal, sessionId, entry).body);
    case UNSTORED:
    case SIGNAL:
      return `x ${seal.seal(sessionId, wholeBound(sessionId), payload.toString(), true)}`;
    default:
      return payload;
  }
}

/** A published payload in clear. One that cannot be opened stays as it is: nobody knows its kind then. Never throws. */
export function openPayload(seal: Seal, sessionId: string, payload: Buffer, onUnreadable: OnUnreadable): Buffer {
  switch (payload[0]) {
    case SEALED_STORED:
      return rewriteStored(payload, 'm', (message) => openBody(seal, sessionId, message, onUnreadable));
    case SEALED_WHOLE: {
      const opened = seal.open(sessionId, wholeBound(sessionId), payload.toString('latin1', 2));
      if (opened.fault === undefined) return Buffer.from(opened.text);
      onUnreadable(opened.fault, sessionId);
      return payload;
    }
    default:
      return payload;
  }
}

/** Stored messages with other bodies. A payload of another form stays as it is. */
function rewriteStored(payload: Buffer, kind: 'm' | 'e', bodyOf: (entry: LogEntry) => string): Buffer {
  const headEnd = lineEnd(payload, 0);
  const fields = payload.toString('latin1', 1, headEnd);
  const first = /^ \S* (\d{1,15}) \S*$/.exec(fields)?.[1];
  if (first === undefined) return payload;
  const lines = [kind + fields];
  for (const { seq, senderKey, frame } of readMessages(payload, Number(first), headEnd + 1)) {
    const { id, body } = parseEntryText(frame.toString('utf8', idOffset(seq)));
    lines.push(senderKey, storedFrame(seq, id, bodyOf({ seq, id, senderKey, body })));
  }
  return Buffer.from(lines.join('\n'));
}

function wholeBound(sessionId: string): string {
  return `${sessionId}\npayload`;
}
