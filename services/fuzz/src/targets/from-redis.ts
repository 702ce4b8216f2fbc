import {
  decodeLive,
  endOf,
  hasHead,
  headOf,
  type LiveMessage,
  liveMessageOf,
  logEntryOf,
  messageIdHash,
  messageName,
  messageSegment,
  parseSession,
  readEntries,
  storedAt,
} from '@holdfast/session-store';
import { bytesOf, must, type Target, textOf } from '../target.js';

/** Everything that rooms ask of a message. */
function touch(message: LiveMessage): void {
  const { id, senderKey, frame } = message;
  must(typeof id === 'string' && typeof senderKey === 'string', 'a message without a name');
  must(frame.length >= 0 && messageName(message).length > 0, 'a message without a frame');
  const entry = logEntryOf(message);
  must(storedAt(frame) >= 0 && storedAt(entry.body) >= 0, 'a time before all times');
  hasHead(message, headOf(entry.body));
  messageIdHash(message);
}

/** Payloads on a session's channel (K3), by whoever may publish there. */
export const livePayloads: Target = {
  name: 'live-payloads',
  words: [
    ...['m ', 'u ', 'g ', 's\n', '\n', ' ', '{"type":"message","seq":', ',"id":"', '","content":', '"timestamp":', '}'],
    ...['{"event":"deleted","epoch":"', '{"event":"extended","ttl":', '"', '\u00ff\u00fe', '\u00f0\u009f\u0098\u0080'],
  ],
  run(input) {
    const live = decodeLive(bytesOf(input));
    if (!live) return 'skipped';
    if (live.kind === 'stored') {
      const { messages, before } = live;
      must(Number.isSafeInteger(before.seq) && before.seq >= 0, 'a position that is no number');
      for (const [index, message] of messages.entries()) {
        must(message.seq === before.seq + 1 + index, 'numbers that do not follow on each other');
        touch(message);
      }
      must(endOf(live).seq === before.seq + messages.length, 'an end that is not behind the messages');
      if (messages.length > 0) {
        const segment = messageSegment(messages);
        must(segment.cost > 0 && segment.messages().length === messages.length, 'a segment without its messages');
      }
    }
    if (live.kind === 'unstored') must(Number.isSafeInteger(live.count) && live.count >= 0, 'a count that is none');
    return live.kind;
  },
};

/** Entries of a log (K2), by whoever may write there: stream id, sender key and text, one a line. */
export const logEntries: Target = {
  name: 'log-entries',
  words: [
    '-0',
    '-1',
    '\n',
    '","content":',
    '"sender":',
    '"timestamp":',
    '}',
    '"',
    '\\',
    '0-0',
    '18446744073709551615-0',
  ],
  run(input) {
    const [streamId = '', ...fields] = textOf(input).split('\n');
    const [entry] = readEntries([[streamId, fields]]);
    must(entry !== undefined, 'an entry is not read');
    const isOurs = Number.isSafeInteger(entry.seq) && entry.seq > 0;
    // Redis makes the number: it is one whatever somebody writes.
    if (!isOurs) return 'no number';
    touch(liveMessageOf(entry));
    return 'read';
  },
};

/** The JSON of a session (K1), by whoever may write it. */
export const sessionJson: Target = {
  name: 'session-json',
  words: [
    ...[
      '{"data":{',
      '"count":',
      ',"last_activity":',
      ',"disconnected_at":',
      '},"created_at":',
      ',"ttl":',
      ',"epoch":"',
    ],
    ...[',"retried":', ',"kept":', ',"newest":"', '"__proto__":', '{', '}', '[', ']', '\\', '1e999', '.5', '\n'],
  ],
  run(input) {
    const session = parseSession(textOf(input));
    if (!session) return 'unreadable';
    const { count, ttl, createdAt, lastActivity, epoch, retried, custom } = session;
    for (const number of [count, ttl, retried]) must(typeof number === 'number', 'a number that is none');
    for (const time of [createdAt, lastActivity]) must(time >= 0, 'a time that is none');
    must(epoch.length > 0, 'an epoch that is none');
    must(Object.getPrototypeOf(custom) === Object.prototype, 'custom fields with a prototype of their own');
    return 'session';
  },
};
