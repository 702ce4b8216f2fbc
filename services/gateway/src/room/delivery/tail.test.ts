import { decodeLive, encodeStored, type LiveMessage, storedFrame } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { TailBudget } from '../../shared/memory-budgets.js';
import { Tail } from './tail.js';

const FRAME_BYTES = 100;
/** What each message of these tests costs, which come one by one: its frame, and what is kept beside it. */
const COST = FRAME_BYTES + 200 + 120 + 16;

function message(seq: number, id = `id-${seq}`, senderKey = 'ann'): LiveMessage {
  return { seq, id, senderKey, frame: Buffer.alloc(FRAME_BYTES, 'x') };
}

function budgetOf(bytes: number, ageMs = 1e9, nowMs = () => 0): TailBudget {
  return new TailBudget({ bytes, ageMs }, nowMs);
}

function tailOf(seqs: readonly number[], { max = 1_000, budget = budgetOf(1e9) } = {}): Tail {
  const tail = new Tail({ entries: max, bytes: 1e9 }, budget);
  for (const seq of seqs) tail.push([message(seq)]);
  return tail;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const held = (tail: Tail): number[] => {
  const { firstSeq } = tail;
  return firstSeq === 0 ? [] : (tail.from(firstSeq, 1e6) ?? []).map(({ seq }) => seq);
};

describe('a tail', () => {
  it('F5: holds the newest messages in their order, from whatever number it begins at', () => {
    const tail = tailOf([41, 42, 43]);
    expect([tail.firstSeq, tail.lastSeq]).toEqual([41, 43]);
    expect(tail.at(42)?.id).toBe('id-42');
    expect([tail.at(40), tail.at(44)]).toEqual([undefined, undefined]);
    expect(held(tail)).toEqual([41, 42, 43]);
  });

  it('F5: is empty at first', () => {
    const tail = tailOf([]);
    expect([tail.firstSeq, tail.lastSeq, tail.at(1), tail.from(1, 10)]).toEqual([0, 0, undefined, undefined]);
  });

  it('F5: has no holes', () => {
    expect(() => tailOf([1, 3])).toThrow('cannot take 3');
    expect(() => tailOf([1, 1])).toThrow('cannot take 1');
  });

  it('F5: is bounded by count', () => {
    expect(held(tailOf(upTo(250), { max: 100 }))).toEqual(upTo(250).slice(150));
  });

  it('F5, K2: is bounded by the bytes of a log, and has the newest message whatever its bytes', () => {
    const bytes = 5 * (FRAME_BYTES + 'ann'.length);
    const tail = new Tail({ entries: 1_000, bytes }, budgetOf(1e9));
    for (const seq of upTo(7)) tail.push([message(seq)]);
    expect(held(tail)).toEqual([3, 4, 5, 6, 7]);
    tail.push([8, 9, 10, 11, 12, 13].map((seq) => message(seq)));
    expect(held(tail)).toEqual([9, 10, 11, 12, 13]);
    tail.push([{ ...message(14), frame: Buffer.alloc(bytes + 1, 'x') }]);
    expect(held(tail)).toEqual([14]);
    tail.push([message(15)]);
    expect(held(tail)).toEqual([15]);
  });

  it('gives a run from a number on, or nothing when it does not reach back that far', () => {
    const tail = tailOf(upTo(250), { max: 100 });
    expect(tail.from(151, 2)?.map(({ seq }) => seq)).toEqual([151, 152]);
    expect(tail.from(249, 10)?.map(({ seq }) => seq)).toEqual([249, 250]);
    expect(tail.from(150, 10)).toBeUndefined();
    expect(tail.from(251, 10)).toBeUndefined();
  });

  it('forgets the oldest, and everything', () => {
    const tail = tailOf(upTo(10));
    for (let dropped = 0; dropped < 4; dropped++) tail.dropOldest();
    expect(held(tail)).toEqual([5, 6, 7, 8, 9, 10]);
    tail.clear();
    expect(held(tail)).toEqual([]);
    tail.push([message(99)]);
    expect(held(tail)).toEqual([99]);
  });

  it('F5, A3: keeps what came together as it was published, and gives each message of it as it was', () => {
    const sent = upTo(9).map((seq) => ({
      seq,
      id: `p-${seq}`,
      senderKey: `k${seq % 2}`,
      frame: storedFrame(seq, `p-${seq}`, '"content":"ä"}'),
    }));
    const tail = new Tail({ entries: 6, bytes: 1e9 }, budgetOf(1e9));
    for (const [from, to] of [
      [0, 3],
      [3, 4],
      [4, 9],
    ] as const) {
      const live = decodeLive(encodeStored({ epoch: 'e', seq: from, id: '' }, sent.slice(from, to)));
      if (live?.kind !== 'stored') throw new Error('not read');
      tail.push(live.messages);
    }
    expect(held(tail)).toEqual([4, 5, 6, 7, 8, 9]);
    expect(
      tail.from(5, 3)?.map(({ seq, id, senderKey, frame }) => ({ seq, id, senderKey, frame: frame.toString() })),
    ).toEqual(sent.slice(4, 7));
    expect([tail.at(3), tail.at(4)?.id, tail.at(9)?.id, tail.at(10)]).toEqual([undefined, 'p-4', 'p-9', undefined]);
    expect([tail.find('k1', 'p-3'), tail.find('k1', 'p-5'), tail.find('k0', 'p-5')]).toEqual([undefined, 5, undefined]);
  });

  it('F5: keeps of a payload only what was new', () => {
    const sent = upTo(4).map((seq) => ({ senderKey: 'k', frame: storedFrame(seq, `p-${seq}`, '}') }));
    const live = decodeLive(encodeStored({ epoch: 'e', seq: 0, id: '' }, sent));
    if (live?.kind !== 'stored') throw new Error('not read');
    const tail = new Tail({ entries: 10, bytes: 1e9 }, budgetOf(1e9));
    tail.push(live.messages.slice(2));
    expect(held(tail)).toEqual([3, 4]);
    expect(tail.at(3)?.id).toBe('p-3');
  });

  it('A4: finds the number of a message by sender and id', () => {
    const tail = tailOf([1, 2]);
    expect(tail.find('ann', 'id-2')).toBe(2);
    expect(tail.find('bob', 'id-2')).toBeUndefined();
    expect(tail.find('ann', 'id-3')).toBeUndefined();
  });

  it('A4: tells two senders apart that use one id', () => {
    const tail = tailOf([]);
    tail.push([message(1, 'same', 'ann')]);
    tail.push([message(2, 'same', 'bob')]);
    expect([tail.find('ann', 'same'), tail.find('bob', 'same'), tail.find('eve', 'same')]).toEqual([1, 2, undefined]);
    tail.dropOldest();
    expect([tail.find('ann', 'same'), tail.find('bob', 'same')]).toEqual([undefined, 2]);
  });

  it('A4: finds nothing that it has forgotten', () => {
    const tail = tailOf(upTo(250), { max: 100 });
    expect([tail.find('ann', 'id-150'), tail.find('ann', 'id-151')]).toEqual([undefined, 151]);
    tail.clear();
    expect(tail.find('ann', 'id-200')).toBeUndefined();
  });
});

describe('the byte budget of all tails', () => {
  it('F5: lets the oldest message of any session go first, where all of them hold little', () => {
    const many = Array.from({ length: 1_024 }, (_, index) => index);
    const budget = budgetOf(many.length * COST);
    const tails = many.map(() => new Tail({ entries: 1_000, bytes: 1e9 }, budget));
    const [first, second, third] = tails as [Tail, Tail, Tail];
    for (const tail of tails) tail.push([message(1)]);
    first.clear();
    first.push([message(1)]);
    new Tail({ entries: 1_000, bytes: 1e9 }, budget).push([message(1)]);
    new Tail({ entries: 1_000, bytes: 1e9 }, budget).push([message(1)]);
    expect([held(first), held(second), held(third)]).toEqual([[1], [], []]);
    expect(budget.bytes).toBe(many.length * COST);
  });

  it('F5: drops what is too old, of any session, and tells how far back it reaches', () => {
    let nowMs = 0;
    const budget = budgetOf(1e9, 1_000, () => nowMs);
    const [one, two] = [
      new Tail({ entries: 1_000, bytes: 1e9 }, budget),
      new Tail({ entries: 1_000, bytes: 1e9 }, budget),
    ];
    expect(budget.reachMs).toBe(0);
    one.push([message(1)]);
    nowMs = 400;
    two.push([message(1)]);
    one.push([message(2)]);
    nowMs = 1_000;
    budget.dropAged();
    expect([held(one), held(two), budget.reachMs]).toEqual([[1, 2], [1], 1_000]);
    nowMs = 1_001;
    budget.dropAged();
    expect([held(one), held(two), budget.reachMs]).toEqual([[2], [1], 601]);
    nowMs = 2_000;
    budget.dropAged();
    expect([held(one), held(two), budget.reachMs, budget.bytes]).toEqual([[], [], 0, 0]);
  });

  it('F5: counts the bytes held, and gets them back by count, by forgetting and by clearing', () => {
    const budget = budgetOf(1e9);
    const tail = tailOf(upTo(30), { max: 20, budget });
    expect(budget.bytes).toBe(20 * COST);
    for (let dropped = 0; dropped < 5; dropped++) tail.dropOldest();
    expect(budget.bytes).toBe(15 * COST);
    tail.clear();
    expect(budget.bytes).toBe(0);
  });

  it('F5: keeps no message where there is no room for one', () => {
    const tail = tailOf(upTo(5), { budget: budgetOf(0) });
    expect(held(tail)).toEqual([]);
  });

  it('F5: spares the messages of a new epoch when those of the old one would have been next', () => {
    const budget = budgetOf(4 * COST);
    const [restarted, other] = [tailOf([501, 502], { budget }), new Tail({ entries: 1_000, bytes: 1e9 }, budget)];
    restarted.clear();
    other.push([message(1)]);
    restarted.push([message(1)]);
    restarted.push([message(2)]);
    other.push([message(2)]);
    expect([held(restarted), held(other)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    other.push([message(3)]);
    expect([held(restarted), held(other)]).toEqual([
      [1, 2],
      [2, 3],
    ]);
  });

  it('F5: remembers no more about messages that have gone by count than about those there are', () => {
    const budget = budgetOf(1e9);
    const tail = new Tail({ entries: 10, bytes: 1e9 }, budget);
    for (let seq = 1; seq <= 20_000; seq++) tail.push([message(seq)]);
    expect(budget.entryCount).toBeLessThan(5_000);
    const others = Array.from({ length: 4_000 }, () => tailOf([1], { budget }));
    for (const other of others) other.clear();
    expect(budget.entryCount).toBeLessThan(1_100);
  });
});
