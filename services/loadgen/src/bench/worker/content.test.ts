import { expect, it } from 'vitest';
import { CONTENT_BYTES, contentOf, countIn, dueUsIn, MARK, memberIn, readContent } from './content.js';

it('says in 64 bytes who sent a message, as which of its own, and when it was due', () => {
  const content = contentOf(1_999, 123_456, 7_000_000_123.9);
  expect(Buffer.byteLength(content)).toBe(CONTENT_BYTES);
  const frame = Buffer.from(`{"type":"message","content":"${content}"}`);
  const at = frame.indexOf(MARK);
  expect([memberIn(frame, at), countIn(frame, at), dueUsIn(frame, at)]).toEqual([1_999, 123_456, 7_000_000_123]);
  expect(readContent(content)).toEqual({ member: 1_999, count: 123_456 });
});
