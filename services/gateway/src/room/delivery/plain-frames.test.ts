import type { LiveMessage } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { plainFrames } from './plain-frames.js';

const message = (seq: number, frame: string): LiveMessage => ({
  seq,
  id: 'i',
  senderKey: 'k',
  frame: Buffer.from(frame),
});

describe('plain frames', () => {
  it('P2: are made of the frames of V2', () => {
    const frames = plainFrames('s', [message(7, '{"type":"message","seq":7,"content":"grüße","timestamp":5}')]);
    expect(frames.map((frame) => JSON.parse(frame))).toEqual([
      {
        type: 'message',
        count: 7,
        echo: 'grüße',
        content: 'Message #7: grüße',
        timestamp: 5,
        isSent: false,
        sessionId: 's',
      },
    ]);
  });

  it.each(['', '{', 'null', '7', '[]', '{"content":7,"timestamp":"x"}'])(
    'of a frame that somebody has broken in the log (%s) are empty messages with their count',
    (frame) => {
      expect(plainFrames('s', [message(7, frame)]).map((text) => JSON.parse(text))).toMatchObject([
        { type: 'message', count: 7, echo: '', timestamp: 0 },
      ]);
    },
  );
});
