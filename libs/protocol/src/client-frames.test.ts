import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClientFrame, contentProblem, type FrameProblem, isSeq, parseClientFrame } from './client-frames.js';
import { DEFAULT_MESSAGE_MAX_BYTES, SEND_ID_MAX_LENGTH, SIGNAL_MAX_BYTES } from './limits.js';

const LIMIT = 64;

function accepted(frame: unknown, limit = LIMIT): ClientFrame {
  const parsed = parseClientFrame(JSON.stringify(frame), limit);
  if (!parsed.ok) throw new Error(`refused: ${parsed.problem.message}`);
  return parsed.frame;
}

function refused(text: string, limit = LIMIT): FrameProblem {
  const parsed = parseClientFrame(text, limit);
  if (parsed.ok) throw new Error(`accepted: ${text}`);
  return parsed.problem;
}

describe('send', () => {
  it('V20: reads a send with id and content', () => {
    expect(accepted({ type: 'send', id: 'm-1', content: 'hello' })).toEqual({
      type: 'send',
      id: 'm-1',
      content: 'hello',
    });
  });

  it('V20: reads a retry with the position of its first attempt', () => {
    const frame = {
      type: 'send',
      id: 'm-1',
      content: 'hello',
      retry: true,
      after: { epoch: '17.a', seq: 4, id: 'm-0' },
    };
    expect(accepted(frame)).toEqual(frame);
  });

  it('V20: a position before the first message has seq 0 and no id', () => {
    const after = { epoch: '', seq: 0, id: '' };
    expect(accepted({ type: 'send', id: 'a', content: 'b', after })).toMatchObject({ after });
  });

  it('V20: retry false means a first send', () => {
    expect(accepted({ type: 'send', id: 'a', content: 'b', retry: false })).not.toHaveProperty('retry');
  });

  it('V20: takes ids of 1 and of 64 characters of C2', () => {
    for (const id of ['a', 'A.b_c~d-9', 'x'.repeat(SEND_ID_MAX_LENGTH)]) {
      expect(accepted({ type: 'send', id, content: 'b' })).toMatchObject({ id });
    }
  });

  it.each([undefined, '', 'x'.repeat(65), 'a b', 'é', 'a/b', 7, null, ['a']])('V23: refuses the id %j', (id) => {
    expect(refused(JSON.stringify({ type: 'send', id, content: 'b' }))).toEqual({
      code: 'invalid_frame',
      message: '"id" must be 1 to 64 of A-Z a-z 0-9 . _ ~ -',
    });
  });

  it.each([undefined, null, 5, true, {}, ['text']])('V23: refuses the content %j and names the send', (content) => {
    expect(refused(JSON.stringify({ type: 'send', id: 'm', content }))).toEqual({
      code: 'invalid_frame',
      message: '"content" must be a string',
      id: 'm',
    });
  });

  it.each([1, 'true', null, {}])('V23: refuses the retry %j', (retry) => {
    expect(refused(JSON.stringify({ type: 'send', id: 'm', content: 'b', retry })).message).toContain('"retry"');
  });

  it.each([
    null,
    [],
    'position',
    {},
    { epoch: 'e', seq: 1 },
    { epoch: 'e', seq: -1, id: 'a' },
    { epoch: 'e', seq: 1.5, id: 'a' },
    { epoch: 'e', seq: 2 ** 53, id: 'a' },
    { epoch: 'e', seq: '1', id: 'a' },
    { epoch: 5, seq: 1, id: 'a' },
    { epoch: 'e'.repeat(65), seq: 1, id: 'a' },
    { epoch: 'e', seq: 1, id: 'a b' },
  ])('V23: refuses the position %j', (after) => {
    const problem = refused(JSON.stringify({ type: 'send', id: 'm', content: 'b', retry: true, after }));
    expect(problem).toMatchObject({ code: 'invalid_frame', id: 'm' });
    expect(problem.message).toContain('"after"');
  });

  it('C6: an empty content is empty_message and names the send', () => {
    expect(refused('{"type":"send","id":"m","content":""}')).toMatchObject({ code: 'empty_message', id: 'm' });
  });

  it('C6: a content of exactly the limit passes, one byte more is message_too_large', () => {
    expect(accepted({ type: 'send', id: 'm', content: 'a'.repeat(LIMIT) })).toMatchObject({ type: 'send' });
    expect(refused(JSON.stringify({ type: 'send', id: 'm', content: 'a'.repeat(LIMIT + 1) }))).toMatchObject({
      code: 'message_too_large',
      id: 'm',
    });
  });

  it('C6: bytes are counted after JSON decoding', () => {
    const escaped = '\\u0061'.repeat(LIMIT);
    expect(parseClientFrame(`{"type":"send","id":"m","content":"${escaped}"}`, LIMIT).ok).toBe(true);
  });

  it('C6: bytes are counted as UTF-8, not as characters', () => {
    expect(contentProblem('é'.repeat(LIMIT / 2), LIMIT)).toBeUndefined();
    expect(contentProblem('é'.repeat(LIMIT / 2 + 1), LIMIT)?.code).toBe('message_too_large');
    expect(contentProblem('😀'.repeat(LIMIT / 4), LIMIT)).toBeUndefined();
    expect(contentProblem(`${'😀'.repeat(LIMIT / 4)}a`, LIMIT)?.code).toBe('message_too_large');
  });
});

describe('signal, auth, ping', () => {
  it('V21: reads a signal with and without data', () => {
    expect(accepted({ type: 'signal', name: 'typing' })).toEqual({ type: 'signal', name: 'typing' });
    expect(accepted({ type: 'signal', name: 'typing', data: { on: true } })).toMatchObject({ data: { on: true } });
  });

  it('V21: a signal has at most 1024 bytes, counted over the whole frame', () => {
    const frame = (filler: number) => `{"type":"signal","name":"n","data":"${'x'.repeat(filler)}"}`;
    const overhead = frame(0).length;
    expect(parseClientFrame(frame(SIGNAL_MAX_BYTES - overhead), LIMIT).ok).toBe(true);
    expect(refused(frame(SIGNAL_MAX_BYTES - overhead + 1))).toMatchObject({ code: 'invalid_frame' });
  });

  it.each([
    ['{"order":{"id":9007199254740993}}', 'data.order.id must be a number that JavaScript keeps'],
    ['[0,1e400]', 'data.1 must be a number that JavaScript keeps'],
    ['{"a":1,"a":2}', 'data.a must be given only once'],
    ['1,"data":2', 'data must be given only once'],
    ['{"__proto__":{}}', 'data.__proto__ must be left out'],
  ])('C8, V21: refuses the data %s by its path', (data, problem) => {
    const { code, message } = refused(`{"type":"signal","name":"x","data":${data}}`);
    expect([code, message.slice(0, problem.length)]).toEqual(['invalid_frame', problem]);
  });

  it('C8, V21: takes data whose numbers JavaScript keeps, and looks at no other field', () => {
    const text = '{"type":"signal","name":"x","later":{"a":1e400,"a":1},"data":[1.0,1e2,0.10,0.1]}';
    expect(parseClientFrame(text, LIMIT)).toEqual({
      ok: true,
      frame: { type: 'signal', name: 'x', data: [1, 100, 0.1, 0.1] },
    });
  });

  it.each([undefined, '', 'two words', 5])('V23: refuses a signal of the name %j', (name) => {
    expect(refused(JSON.stringify({ type: 'signal', name })).message).toContain('"name"');
  });

  it('V22: reads auth and ping', () => {
    expect(accepted({ type: 'auth', token: 'abc' })).toEqual({ type: 'auth', token: 'abc' });
    expect(accepted({ type: 'ping' })).toEqual({ type: 'ping' });
    expect(accepted({ type: 'ping', id: 'p1' })).toEqual({ type: 'ping', id: 'p1' });
  });

  it.each([undefined, '', 5, null])('V23: refuses auth with the token %j without repeating it', (token) => {
    expect(refused(JSON.stringify({ type: 'auth', token }))).toEqual({
      code: 'invalid_frame',
      message: '"token" must be a non-empty string',
    });
  });

  it.each(['', 'a b', 5, null])('V23: refuses ping with the id %j', (id) => {
    expect(refused(JSON.stringify({ type: 'ping', id })).code).toBe('invalid_frame');
  });
});

describe('frames', () => {
  it.each(['', ' ', 'hello', '{', '{"type":"send"', "{'type':'ping'}", '\u0000'])('V23: %j is not JSON', (text) => {
    expect(refused(text)).toEqual({ code: 'invalid_frame', message: 'the frame is not JSON' });
  });

  it.each(['null', '5', '"send"', 'true', '[]', '[{"type":"ping"}]'])('V23: %s is not an object', (text) => {
    expect(refused(text)).toEqual({ code: 'invalid_frame', message: 'the frame is not a JSON object' });
  });

  it.each([undefined, null, 5, 'message', 'Send', '__proto__', 'constructor'])('V23: %j is no type', (type) => {
    expect(refused(JSON.stringify({ type })).message).toBe('"type" must be one of send, signal, auth, ping');
  });

  it('V23: fields nobody knows are ignored', () => {
    expect(accepted({ type: 'ping', id: 'p', future: [1, 2] })).toEqual({ type: 'ping', id: 'p' });
  });

  it('V23: nesting of any depth is refused or read, never thrown', () => {
    const deep = `{"type":"ping","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(() => parseClientFrame(deep, LIMIT)).not.toThrow();
  });

  it('K6: a message number is a whole number from 0 to 2^53 - 1', () => {
    for (const seq of [0, 1, Number.MAX_SAFE_INTEGER]) expect(isSeq(seq)).toBe(true);
    for (const seq of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null])
      expect(isSeq(seq)).toBe(false);
  });
});

describe('whatever arrives', () => {
  const anyJson = fc.json({ maxDepth: 4 });
  const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('utf8'));
  /** Values that sit where a field is expected: right, nearly right and absurd. */
  const fieldValue = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.constantFrom('m-1', '', 0, 1, true, null),
    fc.record({ epoch: fc.string(), seq: fc.integer(), id: fc.string() }),
  );
  const nearlyFrame = fc
    .record(
      {
        type: fc.constantFrom('send', 'signal', 'auth', 'ping', 'pong'),
        id: fieldValue,
        content: fieldValue,
        retry: fieldValue,
        after: fieldValue,
        name: fieldValue,
        data: fieldValue,
        token: fieldValue,
      },
      { requiredKeys: ['type'] },
    )
    .map((frame) => JSON.stringify(frame));

  it('V20-V23: is a frame of its declared form or one of three problems, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(anyBytes, anyJson, nearlyFrame), fc.integer({ min: 1, max: 200 }), (text, limit) => {
        const parsed = parseClientFrame(text, limit);
        if (parsed.ok) {
          expect(['send', 'signal', 'auth', 'ping']).toContain(parsed.frame.type);
          if (parsed.frame.type === 'send') expect(contentProblem(parsed.frame.content, limit)).toBeUndefined();
        } else {
          expect(['invalid_frame', 'empty_message', 'message_too_large']).toContain(parsed.problem.code);
          expect(parsed.problem.message.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('C6: the limit agrees with the bytes Node encodes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }),
        fc.integer({ min: 1, max: 200 }),
        (content, limit) => {
          const tooLarge = Buffer.byteLength(content, 'utf8') > limit;
          expect(contentProblem(content, limit)?.code).toBe(tooLarge ? 'message_too_large' : undefined);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('C6: the default limit is 16384 bytes', () => {
    expect(DEFAULT_MESSAGE_MAX_BYTES).toBe(16_384);
  });
});
