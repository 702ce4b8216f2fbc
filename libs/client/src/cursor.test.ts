import { describe, expect, it } from 'vitest';
import { WELCOME } from '../test/harness.js';
import { Cursor } from './cursor.js';

const from = (seq: number | undefined, id: string, sender = 's') =>
  seq === undefined ? { id, sender } : { seq, id, sender };

function cursorAt(seq: number, limit = 100): Cursor {
  const cursor = new Cursor(limit);
  cursor.welcome(WELCOME, 'live');
  for (let i = 1; i <= seq; i++) cursor.message(from(i, `m${i}`));
  return cursor;
}

describe('Cursor: what the next page goes on from', () => {
  it('D1, R3: is the kept history when no gateway could tell a position, and nothing without a session', () => {
    const cursor = new Cursor(100);
    expect(cursor.kept).toBeUndefined();
    cursor.welcome({ ...WELCOME, epoch: '', seq: 0, firstSeq: 0 }, 'live');
    expect(cursor.position).toBeUndefined();
    const next = new Cursor(100, cursor.kept);
    expect(next.request()).toBe('kept');
    expect(next.welcome({ ...WELCOME, seq: 5, firstSeq: 1 }, 'kept')).toBeUndefined();
    expect(next.message(from(1, 'm1'))).toBe('new');
  });
});

describe('Cursor: messages', () => {
  it('V2: takes the next number, and no other', () => {
    const cursor = cursorAt(2);
    expect(cursor.message(from(4, 'm4'))).toBe('gap');
    expect(cursor.message(from(3, 'm3'))).toBe('new');
    expect(cursor.position).toEqual({ epoch: 'E1', seq: 3, id: 'm3' });
  });

  it('V2: drops a message that it has', () => {
    const cursor = cursorAt(3);
    expect(cursor.message(from(2, 'm2'))).toBe('known');
    expect(cursor.position?.seq).toBe(3);
  });

  it('K6: sees a number it has passed with another id as a gap, not as a duplicate', () => {
    expect(cursorAt(3).message(from(2, 'other'))).toBe('gap');
  });

  it('V3: takes a pending message once, and again when it has its number', () => {
    const cursor = cursorAt(1);
    expect(cursor.message(from(undefined, 'p'))).toBe('new');
    expect(cursor.message(from(undefined, 'p'))).toBe('known');
    expect(cursor.position?.seq).toBe(1);
    expect(cursor.message(from(2, 'p'))).toBe('renumbered');
  });

  it('S2: an unstored connection tells messages apart by sender and id alone', () => {
    const cursor = new Cursor(100);
    cursor.welcome({ ...WELCOME, persistence: 'none', epoch: null }, 'live');
    expect(cursor.message(from(7, 'a'))).toBe('new');
    expect(cursor.message(from(7, 'a'))).toBe('known');
    expect(cursor.message(from(undefined, 'a', 'another'))).toBe('new');
    expect(cursor.position).toBeUndefined();
  });

  it('remembers no more ids than it was told to', () => {
    const cursor = new Cursor(2);
    for (const id of ['a', 'b', 'c']) cursor.message(from(undefined, id));
    expect(['a', 'c'].map((id) => cursor.message(from(undefined, id)))).toEqual(['new', 'known']);
  });
});

describe('Cursor: welcomes', () => {
  it('R3: asks for nothing at first, or for the kept history, and then for what follows', () => {
    const cursor = new Cursor(100);
    expect([cursor.request(false), cursor.request(true)]).toEqual(['live', 'kept']);
    cursor.welcome({ ...WELCOME, seq: 9, firstSeq: 3 }, 'live');
    expect(cursor.position).toEqual({ epoch: 'E1', seq: 9, id: '' });
    expect(cursor.request(false)).toBe(9);
  });

  it('R3: takes the kept history from its first number', () => {
    const cursor = new Cursor(100);
    expect(cursor.welcome({ ...WELCOME, seq: 9, firstSeq: 3 }, 'kept')).toBeUndefined();
    expect(cursor.message(from(3, 'm3'))).toBe('new');
  });

  it('R1: goes on from its own position when everything is there', () => {
    const cursor = cursorAt(3);
    expect(cursor.welcome({ ...WELCOME, seq: 7, firstSeq: 1, recovered: true }, 3)).toBeUndefined();
    expect(cursor.message(from(4, 'm4'))).toBe('new');
  });

  it('R2: tells which numbers are lost when they were trimmed', () => {
    const cursor = cursorAt(3);
    const broken = cursor.welcome({ ...WELCOME, seq: 20, firstSeq: 11 }, 3);
    expect(broken).toEqual({ event: 'gap', value: { from: 4, to: 10 } });
    expect(cursor.message(from(11, 'm11'))).toBe('new');
  });

  it('R2, B3: reports no gap for messages that the old link delivered while the new one was opening', () => {
    const cursor = cursorAt(3);
    for (let seq = 4; seq <= 20; seq++) cursor.message(from(seq, `m${seq}`));
    expect(cursor.welcome({ ...WELCOME, seq: 20, firstSeq: 11 }, 3)).toBeUndefined();
    expect([from(11, 'm11'), from(20, 'm20'), from(21, 'm21')].map((frame) => cursor.message(frame))).toEqual([
      'known',
      'known',
      'new',
    ]);
  });

  it('R2: tells that the history differs in another epoch, and takes all of it', () => {
    const cursor = cursorAt(3);
    const broken = cursor.welcome({ ...WELCOME, epoch: 'E2', seq: 3, firstSeq: 1 }, 3);
    expect(broken).toEqual({ event: 'reset', value: { epoch: 'E2', from: 1 } });
    expect([from(1, 'm2'), from(2, 'x'), from(3, 'm3')].map((frame) => cursor.message(frame))).toEqual([
      'renumbered',
      'new',
      'renumbered',
    ]);
  });

  it('R2: tells that the history differs when this client is ahead of it', () => {
    const broken = cursorAt(9).welcome({ ...WELCOME, seq: 3, firstSeq: 1 }, 9);
    expect(broken).toEqual({ event: 'reset', value: { epoch: 'E1', from: 1 } });
  });

  it('R2: begins at 1 again in a new, empty epoch', () => {
    const cursor = cursorAt(3);
    cursor.welcome({ ...WELCOME, epoch: 'E2' }, 3);
    expect(cursor.message(from(1, 'first'))).toBe('new');
  });

  it('D1: keeps its position while the gateway does not know the session', () => {
    const cursor = cursorAt(3);
    expect(cursor.welcome({ ...WELCOME, epoch: '', storage: 'memory' }, 3)).toBeUndefined();
    expect(cursor.position).toEqual({ epoch: 'E1', seq: 3, id: 'm3' });
  });

  it('D1: a first connection during an outage asks for the history on the next one: it was a member already', () => {
    const cursor = new Cursor(100);
    cursor.welcome({ ...WELCOME, epoch: '', storage: 'memory' }, 'live');
    expect(cursor.request(false)).toBe('kept');
    expect(cursor.message(from(5, 'm5'))).toBe('new');
    expect(cursor.message(from(7, 'm7'))).toBe('gap');
    expect(cursor.request(false)).toBe('kept');
  });
});

describe('Cursor: events of the session', () => {
  it('V7: goes back to where the history may differ', () => {
    const cursor = cursorAt(5);
    cursor.reset('E2', 4);
    expect(cursor.position).toEqual({ epoch: 'E2', seq: 3, id: '' });
    expect(cursor.message(from(4, 'm5'))).toBe('renumbered');
  });

  it('V7: a reset ahead of this client shows as a gap, not as history it would skip', () => {
    const cursor = cursorAt(2);
    cursor.reset('E2', 5);
    expect(cursor.message(from(5, 'm5'))).toBe('gap');
  });

  it('V7: skips what was trimmed before it could be delivered', () => {
    const cursor = cursorAt(2);
    expect(cursor.gap(3, 8)).toEqual({ from: 3, to: 8 });
    expect(cursor.message(from(9, 'm9'))).toBe('new');
  });

  it('V7, V2: a gap that begins behind missing messages tells nothing of those', () => {
    const cursor = cursorAt(2);
    expect(cursor.gap(4, 8)).toBe('unknown');
    expect(cursor.position?.seq).toBe(2);
  });

  it('V7, B3: of a gap on the new link, reports the numbers that the old link has not delivered', () => {
    const cursor = cursorAt(9);
    expect(cursor.gap(4, 5)).toBeUndefined();
    expect(cursor.position?.seq).toBe(9);
    expect(cursor.gap(8, 11)).toEqual({ from: 10, to: 11 });
    expect(cursor.position?.seq).toBe(11);
  });

  it('V7, K6: a reload does not forget the expiry: the next page is told of the lost beginning too', () => {
    const cursor = cursorAt(5);
    cursor.expired();
    const next = new Cursor(100, cursor.kept);
    expect(next.request()).toBe('kept');
    expect(next.welcome({ ...WELCOME, epoch: 'E2', seq: 9, firstSeq: 6 }, 'kept')).toEqual({
      event: 'gap',
      value: { from: 1, to: 5 },
    });
  });

  it('D1, K6: a reload before any gateway told a position is due no messages of before', () => {
    const cursor = new Cursor(100);
    cursor.welcome({ ...WELCOME, epoch: '', storage: 'memory' }, 'live');
    const next = new Cursor(100, cursor.kept);
    expect(next.welcome({ ...WELCOME, seq: 9, firstSeq: 6 }, 'kept')).toBeUndefined();
  });

  it('V7: tells what is missing where the session after an expiry has lost its beginning', () => {
    const cursor = cursorAt(3);
    cursor.expired();
    expect(cursor.welcome({ ...WELCOME, epoch: 'E2', seq: 9, firstSeq: 6, recovered: false }, 'kept')).toEqual({
      event: 'gap',
      value: { from: 1, to: 5 },
    });
    expect(cursor.message(from(6, 'm6'))).toBe('new');
    expect(cursor.welcome({ ...WELCOME, epoch: 'E2', seq: 9, firstSeq: 6, recovered: true }, 6)).toBeUndefined();
  });

  it('V7, D3: a reset after an expiry skips no lost beginning either, but shows it as a gap', () => {
    const cursor = cursorAt(3);
    cursor.expired();
    cursor.welcome({ ...WELCOME, epoch: '', storage: 'memory' }, 'kept');
    expect(cursor.reset('E2', 6)).toBe(1);
    expect(cursor.message(from(6, 'm6'))).toBe('gap');
    expect(cursor.welcome({ ...WELCOME, epoch: 'E2', seq: 6, firstSeq: 6 }, 0)).toEqual({
      event: 'gap',
      value: { from: 1, to: 5 },
    });
  });

  it('V7, D1: an expiry that is heard before any position is known makes the next session due from its beginning', () => {
    const cursor = new Cursor(100);
    cursor.welcome({ ...WELCOME, epoch: '', storage: 'memory' }, 'live');
    cursor.expired();
    expect(cursor.reset('E2', 3)).toBe(1);
    const unstored = new Cursor(100);
    unstored.welcome({ ...WELCOME, epoch: null, persistence: 'none' }, 'live');
    unstored.expired();
    expect(unstored.position).toBeUndefined();
  });

  it('V7, D3: a reset skips nothing after the messages of an epoch that no gateway has named either', () => {
    const cursor = cursorAt(3);
    cursor.expired();
    cursor.message(from(1, 'n1'));
    expect(cursor.reset('E2', 16)).toBe(2);
    expect(cursor.message(from(16, 'n16'))).toBe('gap');
  });

  it('V7: has nothing to tell where the session after an expiry is there from its beginning', () => {
    const cursor = cursorAt(3);
    cursor.expired();
    expect(cursor.welcome({ ...WELCOME, epoch: 'E2', seq: 2, firstSeq: 1, recovered: true }, 'kept')).toBeUndefined();
    expect(cursor.message(from(1, 'n1'))).toBe('new');
  });

  it('T2: after expiry the next message is number 1', () => {
    const cursor = cursorAt(5);
    cursor.expired();
    expect(cursor.request(false)).toBe('kept');
    expect(cursor.message(from(1, 'first'))).toBe('new');
  });

  it('R3, V7: reports that the history follows again when another epoch is met after that', () => {
    const cursor = cursorAt(5);
    cursor.expired();
    cursor.message(from(1, 'first'));
    expect(cursor.welcome({ ...WELCOME, epoch: 'E3', seq: 0, firstSeq: 0 }, 'kept')).toEqual({
      event: 'reset',
      value: { epoch: 'E3', from: 1 },
    });
    expect(cursor.message(from(1, 'another'))).toBe('new');
  });

  it('V5: notices that a message announced by one heartbeat has not arrived by the next', () => {
    const cursor = cursorAt(2);
    expect(cursor.heartbeat(4)).toBe(false);
    cursor.message(from(3, 'm3'));
    cursor.message(from(4, 'm4'));
    expect(cursor.heartbeat(6)).toBe(false);
    expect(cursor.heartbeat(6)).toBe(true);
  });

  it('V5: waits for a history that is still coming, however many heartbeats it takes', () => {
    const cursor = cursorAt(2);
    for (const seq of [3, 4, 5]) {
      expect(cursor.heartbeat(900)).toBe(false);
      cursor.message(from(seq, `m${seq}`));
    }
    expect(cursor.heartbeat(900)).toBe(false);
    expect(cursor.heartbeat(900)).toBe(true);
  });

  it('V5: forgets what a heartbeat announced when the history begins anew', () => {
    const cursor = cursorAt(2);
    cursor.heartbeat(9);
    cursor.reset('E2', 1);
    expect(cursor.heartbeat(0)).toBe(false);
  });
});
