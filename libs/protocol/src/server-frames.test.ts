import { describe, expect, it } from 'vitest';
import { BROADCAST_LEVELS, plainMessage, replyContent } from './server-frames.js';

describe('plain frames', () => {
  it('P2: a message has these fields in this order', () => {
    expect(JSON.stringify(plainMessage('room', 5, 'say "hi"', 1_703_123_456_789))).toBe(
      '{"type":"message","count":5,"echo":"say \\"hi\\"","content":"Message #5: say \\"hi\\"","timestamp":1703123456789,"isSent":false,"sessionId":"room"}',
    );
  });

  it('P2: the reply repeats the content behind its number', () => {
    expect(replyContent(1, 'Hello Redis!')).toBe('Message #1: Hello Redis!');
  });

  it('P5: a broadcast has one of four levels', () => {
    expect(BROADCAST_LEVELS).toEqual(['info', 'warning', 'error', 'success']);
  });
});
