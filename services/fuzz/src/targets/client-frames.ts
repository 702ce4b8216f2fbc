import { readRequest } from '@holdfast/gateway';
import { contentProblem, parseClientFrame } from '@holdfast/protocol';
import { must, type Target, textOf } from '../target.js';

const LIMIT = 2_000;
const TYPES = ['send', 'signal', 'auth', 'ping'];

/** What members send over their sockets: frames of `holdfast.v1` (V20 to V23). */
export const clientFrames: Target = {
  name: 'client-frames',
  words: [
    ...['"type":', '"id":', '"content":', '"retry":true', '"after":', '"epoch":', '"seq":', '"name":', '"data":'],
    ...['"token":', '"__proto__":', '"constructor":', '"prototype":', '"send"', '"signal"', '"auth"', '"ping"'],
    ...['{', '}', '[', ']', ',', 'null', '\\u0000', '\\ud800', '\\n', '\\', '{"a":', '[[', '\u2028'],
  ],
  run(input) {
    const text = textOf(input);
    const parsed = parseClientFrame(text, LIMIT);
    const read = readRequest(text, 'framed', LIMIT);
    if (!parsed.ok) {
      must(read.type === 'refused', 'the gateway reads a frame that the protocol refuses');
      must(parsed.problem.message.length > 0, 'a refusal without a sentence');
      return parsed.problem.code;
    }
    const { frame } = parsed;
    must(TYPES.includes(frame.type) && read.type === frame.type, 'the gateway and the protocol read different types');
    if (frame.type === 'send') {
      must(read.type === 'send' && read.id === frame.id, 'the gateway reads another id');
      must(JSON.parse(read.contentJson) === frame.content, 'the gateway reads another content');
      must(!/[\n\r]/.test(read.contentJson), 'a content breaks the line that it is stored in');
      must(contentProblem(frame.content, LIMIT) === undefined, 'a content above the limit');
    }
    return frame.type;
  },
};

/** What plain members send: any text is a content (P1). */
export const plainFrames: Target = {
  name: 'plain-frames',
  words: ['"', '\\', '\n', '\r\n', '","sender":"x"', '\u2028', '\u0000', '\u00f0\u009f\u0098\u0080', '{"type":"send"'],
  run(input) {
    const text = textOf(input);
    const read = readRequest(text, 'plain', LIMIT);
    if (read.type === 'refused') {
      must(contentProblem(text, LIMIT) !== undefined, 'a content is refused without a reason');
      return read.problem.code;
    }
    must(read.type === 'send' && JSON.parse(read.contentJson) === text, 'another content');
    must(!/[\n\r]/.test(read.contentJson), 'a content breaks the line that it is stored in');
    return 'send';
  },
};
