import type { ServerFrame } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { LinkWatch } from './watched-socket.js';

const welcome = { type: 'welcome', epoch: 'e', seq: 10, firstSeq: 1, recovered: false };

/** @returns the reports when these frames come on a connection with this query */
function watch(query: string, ...frames: object[]): string[] {
  const reports: string[] = [];
  const link = new LinkWatch(`ws://h/ws/chat/?${query}`, (kind, detail) => reports.push(`${kind} ${detail}`));
  for (const frame of frames as ServerFrame[]) link.frame(JSON.stringify(frame));
  return reports;
}

function message(seq: number): object {
  return { type: 'message', seq, id: `m${seq}` };
}

it('R3: without last_seq what follows the welcome comes', () => {
  expect(watch('', welcome, message(11), message(12))).toEqual([]);
  expect(watch('', welcome, message(12))).toEqual(['wire_gap m12: 12 follows 10']);
  expect(watch('', welcome, message(10))).toEqual(['wire_double m10: 10 follows 10']);
});

it('R1: after a resume what follows last_seq comes, each number once', () => {
  const recovered = { ...welcome, recovered: true };
  expect(watch('last_seq=8&epoch=e', recovered, message(9), message(10), message(11))).toEqual([]);
  expect(watch('last_seq=8&epoch=e', recovered, message(10))).toEqual(['wire_gap m10: 10 follows 8']);
  expect(watch('last_seq=8&epoch=e', recovered, message(8))).toEqual(['wire_double m8: 8 follows 8']);
  expect(watch('last_seq=8&epoch=e', recovered, message(9), message(9))).toEqual(['wire_double m9: 9 follows 9']);
});

it('R2: what cannot be resumed begins at the oldest that is kept', () => {
  expect(watch('last_seq=3&epoch=e', { ...welcome, firstSeq: 5 }, message(5), message(6))).toEqual([]);
  expect(watch('last_seq=3&epoch=other', welcome, message(1))).toEqual([]);
  expect(watch('last_seq=12&epoch=e', welcome, message(1))).toEqual([]);
  expect(watch('last_seq=0', { ...welcome, seq: 0, firstSeq: 0 }, message(1))).toEqual([]);
});

it('R2: a resume must succeed when everything is there', () => {
  expect(watch('last_seq=3&epoch=e', welcome, message(1))).toEqual([
    'unrecovered asked for what follows 3; kept are 1 to 10',
  ]);
});

it('R2: ... unless another message has its number by now', () => {
  const refused = watch('last_seq=2&last_id=mine&epoch=e', welcome, message(1), message(2), message(3));
  expect(refused).toEqual([]);
  expect(watch('last_seq=2&last_id=m2&epoch=e', welcome, message(1), message(2), message(3))).toEqual([
    'unrecovered asked for what follows 2; kept are 1 to 10',
  ]);
});

it('V7: a gap, a reset and an expiry say what comes next', () => {
  expect(watch('', welcome, { type: 'session', event: 'gap', from: 11, to: 13 }, message(14))).toEqual([]);
  expect(watch('', welcome, { type: 'session', event: 'reset', epoch: 'f', from: 5 }, message(5))).toEqual([]);
  expect(watch('', welcome, { type: 'session', event: 'expired' }, message(1))).toEqual([]);
  expect(watch('', welcome, { type: 'session', event: 'extended', ttl: 5 }, message(12))).toHaveLength(1);
});

it('V3, D1, D3: pending messages have no number; a session that was unknown, and a second welcome, may begin anywhere', () => {
  expect(watch('', welcome, { type: 'message', pending: true, id: 'p' }, message(11))).toEqual([]);
  expect(watch('', { ...welcome, epoch: '', seq: 0, firstSeq: 0 }, message(7), message(8))).toEqual([]);
  expect(watch('', welcome, welcome, message(5), message(6))).toEqual([]);
});
