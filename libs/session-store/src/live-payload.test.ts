import { announcedRandom, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeLive, encodeSessionEvent, encodeSignal, encodeStored, encodeUnstored } from './live-payload.js';
import { storedFrame, unstoredFrame } from './message-format.js';

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-';
const word = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: min, maxLength: max });
const sendId = fc.oneof(word(1, 64), word(64, 64));
const senderKey = fc.oneof(fc.constant(''), word(1, 43));
const seq = fc.oneof(fc.integer({ min: 1, max: 1200 }), fc.integer({ min: 1, max: 99_999_999_999_990 }));
const content = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('\n', '","id":"x"', '世界🌍\u2028', 'm 1 2\n\n', '\u0000'),
);
const bodyOf = (text: string) => `"content":${JSON.stringify(text)},"sender":"ana","timestamp":1703123456789}`;

const parameters = () => ({ seed: announcedRandom('live payload').seed, numRuns: runs(300) });

describe('decodeLive', () => {
  it('K6, A3: gives back what encodeStored was given: position, senders, ids, and frames byte for byte', () => {
    const message = fc.record({ id: sendId, senderKey, content });
    fc.assert(
      fc.property(
        word(1, 40),
        seq,
        fc.oneof(fc.constant(''), sendId),
        fc.array(message),
        (epoch, first, id, messages) => {
          const numbered = messages.map((each, n) => ({
            ...each,
            seq: first + n,
            frame: storedFrame(first + n, each.id, bodyOf(each.content)),
          }));
          const before = { epoch, seq: first - 1, id };
          const live = decodeLive(encodeStored(before, numbered));
          if (live?.kind !== 'stored') throw new Error('not read');
          expect(live.before).toEqual(before);
          expect(
            live.messages.map((each) => ({
              seq: each.seq,
              id: each.id,
              senderKey: each.senderKey,
              frame: each.frame.toString(),
              json: JSON.parse(String(each.frame)),
            })),
          ).toEqual(
            numbered.map((each) => ({
              seq: each.seq,
              id: each.id,
              senderKey: each.senderKey,
              frame: each.frame,
              json: expect.objectContaining({ type: 'message', seq: each.seq, id: each.id, content: each.content }),
            })),
          );
        },
      ),
      parameters(),
    );
  });

  it('gives back an unstored message, a signal and an event of the session', () => {
    fc.assert(
      fc.property(seq, senderKey, sendId, content, (count, key, id, text) => {
        const frame = unstoredFrame(id, bodyOf(text));
        expect(JSON.parse(frame)).toMatchObject({ type: 'message', id, content: text });
        const unstored = decodeLive(Buffer.from(encodeUnstored(count, key, frame)));
        expect(unstored).toEqual({
          kind: 'unstored',
          count,
          message: { id, senderKey: key, frame: Buffer.from(frame) },
        });
        const signal = decodeLive(Buffer.from(encodeSignal(id, frame)));
        expect(signal).toEqual({ kind: 'signal', from: id, frame: Buffer.from(frame) });
        for (const event of [
          { event: 'extended', ttl: count },
          { event: 'deleted', epoch: id },
        ] as const) {
          expect(decodeLive(Buffer.from(encodeSessionEvent(event)))).toEqual({ kind: 'session', event });
        }
      }),
      parameters(),
    );
  });

  it('C6: never throws, whatever the bytes', () => {
    const kind = fc.constantFrom(
      'm ',
      'u ',
      'g ',
      's\n',
      'm e 1 i\n',
      'm e 1 \nk\n{"type":"message"',
      's\n{"event":',
      'x',
    );
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.oneof(fc.constant(''), kind), bytes, (head, rest) => {
        decodeLive(Buffer.concat([Buffer.from(head), rest]));
      }),
      { ...parameters(), numRuns: runs(2_000) },
    );
  });

  it('K3: reads a large payload of frames without ids in a time in proportion to its length', () => {
    const payload = Buffer.from(`m e 1 i\n${'\n'.repeat(1_200_000)}`);
    const started = performance.now();
    const live = decodeLive(payload);
    if (live?.kind !== 'stored') throw new Error('not read');
    expect(new Set(live.messages.map(({ id }) => id))).toEqual(new Set(['']));
    // A search through the rest of the payload for each of the 600,000 messages took many times as long.
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it.each([
    '',
    '\n',
    'm',
    'm epoch',
    'm epoch 1',
    'm epoch 0 id\nk\nframe',
    'm epoch -1 id\nk\nframe',
    'm epoch 1.5 id\nk\nframe',
    'm epoch 0x10 id\nk\nframe',
    'm epoch 99999999999999999 id\nk\nframe',
    'm epoch 9007199254740990 id\nk\nframe\nk\nframe',
    'u\nk\nframe',
    'u x\nk\nframe',
    's',
    's\n',
    's\nnull',
    's\n{',
    's\n[]',
    's\n{"event":"other"}',
    's\n{"event":"extended","ttl":"x"}',
    's\n{"event":"deleted"}',
    'z 1\nof a later release',
  ])('answers nothing to %j, which is none of ours', (text) => {
    expect(decodeLive(Buffer.from(text))).toBeUndefined();
  });
});
