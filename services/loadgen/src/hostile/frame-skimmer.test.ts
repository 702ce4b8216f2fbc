import { expect, it } from 'vitest';
import { FrameSkimmer, SKIMMED_BYTES } from './frame-skimmer.js';
import { OPCODE } from './raw-socket.js';

function serverFrame(opcode: number, payload: string): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.of(0x80 | opcode, length) : Buffer.alloc(length > 0xffff ? 10 : 4);
  head[0] = 0x80 | opcode;
  if (length > 0xffff) {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  } else if (length >= 126) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  }
  return Buffer.concat([head, Buffer.from(payload)]);
}

const LENGTHS = [0, 1, 125, 126, 767, 768, 769, 65_535, 65_536, 98_500];

it.each([1, 2, 3, 7, 1_000, 65_536, 1_000_000])('finds every frame, however it arrives: %i bytes at a time', (step) => {
  const payloads = LENGTHS.map((length, index) => `${index}`.padEnd(length, 'x').slice(0, length));
  const sent = Buffer.concat([
    ...payloads.map((payload) => serverFrame(OPCODE.text, payload)),
    serverFrame(OPCODE.ping, 'p'),
  ]);
  const found: [number, string, number][] = [];
  const skimmer = new FrameSkimmer(({ opcode, beginning, length }) => {
    found.push([opcode, beginning.toString(), length]);
  });
  for (let at = 0; at < sent.length; at += step) skimmer.feed(sent, at, Math.min(at + step, sent.length));
  expect(found).toEqual([
    ...payloads.map((payload) => [OPCODE.text, payload.slice(0, SKIMMED_BYTES), payload.length]),
    [OPCODE.ping, 'p', 1],
  ]);
});
