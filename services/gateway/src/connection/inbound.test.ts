import { parseClientFrame } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { readCommonSend } from './inbound.js';

const MAX_BYTES = 1_000;
const frame = (id: string, content: string): string => `{"type":"send","id":"${id}","content":"${content}"}`;

it.each(['hello', 'ä – 漢字 👋', "it's <b>bold</b>", ' ', 'x'.repeat(280)])(
  'V20: the fast way reads %j as the parser does',
  (content) => {
    const text = frame('m-1', content);
    const parsed = parseClientFrame(text, MAX_BYTES);
    expect(parsed).toMatchObject({ ok: true, frame: { id: 'm-1', content } });
    expect(readCommonSend(text, MAX_BYTES)).toEqual({
      type: 'send',
      id: 'm-1',
      contentJson: JSON.stringify(content),
    });
  },
);

it.each([
  ['an escape', frame('m', 'a\\nb')],
  ['a quote', frame('m', 'a\\"b')],
  ['a control character', frame('m', 'a\nb')],
  ['an empty content', frame('m', '')],
  ['an id of other characters', frame('m 1', 'x')],
  ['a long id', frame('m'.repeat(65), 'x')],
  ['another field', '{"type":"send","id":"m","content":"x","retry":true}'],
  ['another order', '{"id":"m","type":"send","content":"x"}'],
  ['a space after the object', `${frame('m', 'x')} `],
  ['a content that may be too large', frame('m', 'x'.repeat(400))],
])('V20: the fast way leaves %s to the parser', (_what, text) => {
  expect(readCommonSend(text, MAX_BYTES)).toBeUndefined();
});
